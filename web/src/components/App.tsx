import { asksForKey } from "../state/session";
import { view } from "../state/view";
import { CompareBar } from "./CompareBar";
import { Composer } from "./Composer";
import { DropTarget } from "./DropTarget";
import { Gallery } from "./Gallery";
import { Header } from "./Header";
import { lazily } from "./lazily";
import { Notices } from "./Notices";
import { Viewer } from "./Viewer";

const Compare = lazily(async () => (await import("./Compare")).Compare);
const GridDialog = lazily(async () => (await import("./GridDialog")).GridDialog);
const MaskDialog = lazily(async () => (await import("./MaskDialog")).MaskDialog);
const SignIn = lazily(async () => (await import("./SignIn")).SignIn);

export function App() {
  return (
    <>
      <Header />
      <Notices />
      <main class="layout">
        <Composer />
        <Gallery />
      </main>
      <CompareBar />
      <DropTarget />
      <Dialogs />
      {asksForKey.value && <SignIn />}
    </>
  );
}

function Dialogs() {
  const shown = view.value;
  if (shown === null) return null;
  if (shown.kind === "image") return <Viewer tile={shown.tile} />;
  if (shown.kind === "compare") return <Compare one={shown.one} other={shown.other} />;
  return shown.kind === "grid" ? <GridDialog /> : <MaskDialog />;
}
