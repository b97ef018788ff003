import { render } from "preact";
import { ApiPage } from "./ApiPage";
import { load } from "./document";

const place = document.getElementById("app")!;

load().then(
  (loaded) => {
    render(<ApiPage document={loaded} />, place);
    if (location.hash) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
  },
  () => render(<p role="alert">The server's description of its API cannot be loaded. Reload the page.</p>, place),
);
