import { compared } from "../state/view";

/** Says that one image is chosen, and that a second one is to be. */
export function CompareBar() {
  if (compared.value === null) return null;
  return (
    <div class="bar" role="status">
      Choose a second image to compare with.
      <button type="button" class="quiet" onClick={() => (compared.value = null)}>
        Cancel
      </button>
    </div>
  );
}
