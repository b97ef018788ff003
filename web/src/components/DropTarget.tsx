/** Takes an image file, dropped or chosen: its settings come back, or the next images start from it. */
import { useEffect, useState } from "preact/hooks";
import { takeFile } from "../state/restore";
import { Icon } from "./icons";

export function DropTarget() {
  const [over, setOver] = useState(false);
  useEffect(() => {
    const hasFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") ?? false;
    const onDragOver = (event: DragEvent): void => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      setOver(true);
    };
    const onDragLeave = (event: DragEvent): void => {
      if (event.relatedTarget === null) setOver(false);
    };
    const onDrop = (event: DragEvent): void => {
      setOver(false);
      const file = event.dataTransfer?.files[0];
      if (file === undefined) return;
      event.preventDefault();
      void takeFile(file);
    };
    addEventListener("dragover", onDragOver);
    addEventListener("dragleave", onDragLeave);
    addEventListener("drop", onDrop);
    return () => {
      removeEventListener("dragover", onDragOver);
      removeEventListener("dragleave", onDragLeave);
      removeEventListener("drop", onDrop);
    };
  }, []);
  if (!over) return null;
  return (
    <div class="drop">
      <p>Drop the image to get its settings back.</p>
    </div>
  );
}

export function RestoreButton() {
  return (
    <label class="button quiet">
      <Icon name="restore" />
      <span>From an image file</span>
      <input
        type="file"
        class="unseen"
        accept="image/png,image/webp,image/jpeg"
        onChange={({ currentTarget }) => {
          const file = currentTarget.files?.[0];
          if (file !== undefined) void takeFile(file);
          currentTarget.value = "";
        }}
      />
    </label>
  );
}
