import { render } from "preact";
import { App } from "./components/App";
import { start } from "./state/start";

start();
render(<App />, document.getElementById("app")!);
