import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";

/** A component whose code is loaded when it is first shown. */
export function lazily<P extends object>(load: () => Promise<ComponentType<P>>): ComponentType<P> {
  let loaded: ComponentType<P> | null = null;
  return function Lazy(props: P) {
    const [Shown, show] = useState<ComponentType<P> | null>(() => loaded);
    useEffect(() => {
      if (loaded === null) void load().then((component) => show(() => (loaded = component)));
    }, []);
    return Shown === null ? null : <Shown {...props} />;
  };
}
