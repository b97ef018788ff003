/** What is told beside the images: a lost connection, a server that is not ready, and the last thing that happened. */
import { notice, notReady, now, retryAt } from "../state/status";

export function Notices() {
  return (
    <>
      <div class="banners" role="status">
        <Connection />
        {notReady.value !== null && <p class="banner">{notReady.value}</p>}
      </div>
      <div class="notices">
        <p role="status" class="notice" hidden={notice.value?.kind !== "info"}>
          {notice.value?.kind === "info" ? notice.value.text : ""}
        </p>
        <p role="alert" class="notice error" hidden={notice.value?.kind !== "error"}>
          {notice.value?.kind === "error" ? notice.value.text : ""}
        </p>
      </div>
    </>
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
