/** What the next images start from: an image, where to repaint it, and how far to go from it. */
import { problems } from "../state/make";
import { strengthWithout, type Offers } from "../state/offers";
import { FIELDS_OF_A_START, lacking, model, settings, values } from "../state/settings";
import { maskWith, sent, startFromFile, startFromNoise, withoutMask } from "../state/startImage";
import { open } from "../state/view";
import { Choice, NumberField } from "./fields";
import { Check, Fold } from "./folds";
import { Icon } from "./icons";

export function StartImage({ offers }: { offers: Offers }) {
  const { image } = values.value;
  const lacks = lacking.value.length > 0;
  if (!offers.image && image === "" && !lacks) return null;
  const needed = model.value?.required_inputs.includes("image") ?? false;
  return (
    <Fold name="Start from an image" fields={FIELDS_OF_A_START} open={image !== "" || lacks || needed}>
      <Problem field="image" />
      {image !== "" && <Sources />}
      <div class="row wide">
        <FileButton name={image === "" ? "Choose an image" : "Another image"} take={(file) => void startFromFile(file)} />
        {(image !== "" || lacks) && (
          <button type="button" class="quiet" onClick={startFromNoise}>
            Start from noise
          </button>
        )}
      </div>
      {image !== "" && (
        <>
          {(offers.mask || values.value.mask !== "") && <Mask />}
          {(!offers.edits || settings.strength.value !== "") && (
            <NumberField field="strength" placeholder={strengthWithout(values.value)} step="any" />
          )}
          <Choice
            field="resize"
            options={[
              ["", "Crop"],
              ["stretch", "Stretch"],
            ]}
          />
          {offers.mask && <Margins />}
          {repaintsPart() && (
            <Check field="keepUnmasked" hint="Puts its pixels back into the finished image, which else pass through the model and change a little" />
          )}
          <p class="hint wide">A link to these settings does not carry images.</p>
        </>
      )}
    </Fold>
  );
}

/** Whether there is a part of the image that is not painted, and could be kept as it is. */
function repaintsPart(): boolean {
  const { mask, keepUnmasked, extendLeft, extendTop, extendRight, extendBottom } = values.value;
  return [mask, keepUnmasked, extendLeft, extendTop, extendRight, extendBottom].some((value) => value !== "");
}

function Problem({ field }: { field: "image" | "mask" }) {
  const problem = problems.value[field];
  return problem === undefined ? null : <p class="problem wide">{problem}</p>;
}

/** The image and its mask, as far as this page has them: the server does not hand uploads out. */
function Sources() {
  const { image, mask } = values.value;
  return (
    <div class="sources wide">
      <Source name="Image" sha256={image} />
      {mask !== "" && <Source name="Mask" sha256={mask} />}
    </div>
  );
}

function Source({ name, sha256 }: { name: string; sha256: string }) {
  const found = sent.value[sha256];
  return (
    <figure>
      {found ? <img src={found.url} alt="" /> : <div class="blank">Of an earlier job or visit: cannot be shown here</div>}
      <figcaption class="hint">
        {name}
        {found && `, ${found.width} × ${found.height}`}
      </figcaption>
    </figure>
  );
}

function Mask() {
  const { image, mask } = values.value;
  const lacks = lacking.value.includes("mask");
  const shown = image in sent.value;
  return (
    <>
      <Problem field="mask" />
      <div class="row wide">
        {shown && (
          <button type="button" onClick={() => open({ kind: "mask" })}>
            <Icon name="brush" />
            <span>{mask === "" ? "Paint a mask" : "Paint the mask"}</span>
          </button>
        )}
        <FileButton name="Mask file" take={(file) => void maskWith(file)} />
        {(mask !== "" || lacks) && (
          <button type="button" class="quiet" onClick={withoutMask}>
            No mask
          </button>
        )}
      </div>
      {!shown && <p class="hint wide">Choose the image again to paint on it.</p>}
    </>
  );
}

function Margins() {
  return (
    <fieldset class="margins wide">
      <legend class="label">Pixels to paint around the image</legend>
      <NumberField field="extendLeft" placeholder={0} />
      <NumberField field="extendTop" placeholder={0} />
      <NumberField field="extendRight" placeholder={0} />
      <NumberField field="extendBottom" placeholder={0} />
    </fieldset>
  );
}

function FileButton({ name, take }: { name: string; take: (file: File) => void }) {
  return (
    <label class="button">
      <span>{name}</span>
      <input
        type="file"
        class="unseen"
        accept="image/png,image/webp,image/jpeg"
        onChange={({ currentTarget }) => {
          const file = currentTarget.files?.[0];
          if (file !== undefined) take(file);
          currentTarget.value = "";
        }}
      />
    </label>
  );
}
