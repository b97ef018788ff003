import { useState } from "preact/hooks";
import { lookOnce, signIns } from "../state/session";
import { srcOf } from "./sources";

interface Props {
  url: string;
  alt: string;
  class?: string;
  width?: number;
  height?: number;
}

/** An image of the server. One that could not be loaded is asked for again after a sign-in. */
export function ServerImage({ url, alt, ...others }: Props) {
  const [lost, setLost] = useState(false);
  const onError = (): void => {
    setLost(true);
    lookOnce();
  };
  return <img key={lost ? signIns.value : ""} src={srcOf(url)} alt={alt} decoding="async" onError={onError} {...others} />;
}
