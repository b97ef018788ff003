/** What is told beside the images: a lost connection, a server that is not ready, and the last thing that happened. */
import { notice, notReady, now, retryAt } from "../state/status";
import { view } from "../state/view";

export function Notices() {
  return (
    <>
      <div class="banners" role="status">
        <Connection />
        {notReady.value !== null && <p class="banner">{notReady.value}</p>}
      </div>
      {view.value === null && <LastNotice />}
    </>
  );
}

/** While a dialog is open, all else is out of reach, so that the dialog shows it. */
export function LastNotice() {
  const last = notice.value;
  return (
    <div class="notices">
      <p role="status" class={last?.kind === "info" ? "notice" : "unseen"}>
        {last?.kind !== "error" && last?.text}
      </p>
      <p role="alert" class={last?.kind === "error" ? "notice error" : "unseen"}>
        {last?.kind === "error" && last.text}
      </p>
    </div>
  );
}

function Connection() {
  if (retryAt.value === null) return null;
  const seconds = Math.max(0, Math.ceil((retryAt.value - now.value) / 1000));
  return (
    <p class="banner lost">
      The connection to the server is lost. <span aria-hidden="true">Trying again in {seconds} s.</span>
      <span class="aside"> What is queued goes on.</span>
    </p>
  );
}
