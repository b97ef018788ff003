/** Starts the page: reads the address, asks who is signed in and what the server can do, loads the gallery, follows what runs. */
import { explain } from "../api/errors";
import { ApiError, getCapabilities, getReadiness } from "../api/http";
import { keepInAddress } from "./address";
import { loadMore, loadUntil, refresh } from "./gallery";
import { placeBefore } from "./place";
import { followActive } from "./queue";
import { keepSession, look, session } from "./session";
import { capabilities } from "./settings";
import { keepTime, notReady, say } from "./status";
import { closeOnBack } from "./view";

const ASK_AGAIN_MS = 1_500;

export function start(): void {
  keepInAddress();
  closeOnBack();
  keepTime();
  keepSession();
  followActive();
  void learnSession();
  void learnCapabilities();
  void loadGallery();
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    void look();
    void refresh();
  });
}

async function learnSession(): Promise<void> {
  if (!(await look()) && session.peek() === null) setTimeout(() => void learnSession(), ASK_AGAIN_MS);
}

async function loadGallery(): Promise<void> {
  await loadMore();
  if (placeBefore !== null) await loadUntil(placeBefore.tile);
}

/** A model may take minutes to load: says what the server is doing, and asks until it is ready. */
async function learnCapabilities(): Promise<void> {
  try {
    capabilities.value = await getCapabilities();
    notReady.value = null;
  } catch (error) {
    if (!(error instanceof ApiError && error.passes)) return say(explain(error), "error");
    const activity = await getReadiness().then(
      (state) => state.activity,
      () => "",
    );
    notReady.value = activity === "" ? explain(error) : `The server is getting ready: ${activity}.`;
    setTimeout(() => void learnCapabilities(), ASK_AGAIN_MS);
  }
}
