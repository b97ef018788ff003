/** The bodies of the API, under short names. All come from the server's schema; seeds alone are kept as text. */
import type { components } from "./schema";

type Schemas = components["schemas"];
type WithSeed<T> = Omit<T, "seed"> & { seed: string };

/** Seeds have up to 63 bits. JavaScript's numbers are exact up to 53, so that seeds stay text from wire to wire. */
export type Job = Omit<Schemas["JobOut"], "seeds" | "images"> & { seeds: string[]; images: WithSeed<Schemas["ImageOut"]>[] };
type ListedImage = WithSeed<Schemas["ListedImageOut"]>;
/** What a list says of a job: without what only a look at the job itself needs, and with long texts cut. */
export type ListedJob = Omit<Schemas["JobListItem"], "seeds" | "images"> & { seeds: string[]; images: ListedImage[] };
export type JobList = { data: ListedJob[]; next_cursor: string | null };
/** An image of a job, as far as it is known. */
export type Image = ListedImage & { prompt: string } & Partial<WithSeed<Schemas["ImageOut"]>>;
export type Resolved = Schemas["ResolvedRequest"];
export type Progress = Schemas["ProgressOut"] & { eta_s: number | null; queue_position: number | null };
export type Status = Job["status"];

export type JobRequest = Omit<Partial<Schemas["CreateJob"]>, "prompt" | "seed"> & { prompt: string; seed: string };

export type Capabilities = Schemas["Capabilities"];
export type Model = Schemas["ModelOut"];
export type Upload = Schemas["UploadOut"];
export type Problem = Schemas["ProblemOut"];
/** Whose requests these are. */
export type Session = Schemas["SessionOut"];
export type Readiness = Schemas["Readiness"];

export interface Preview {
  index: number;
  step: number;
  mime: string;
  b64: string;
}

/** The events of `GET /api/v1/events`, each with the job that it belongs to. */
export type JobEvent = { jobId: string; id: string } & (
  | { name: "status"; data: { status: Status } }
  | { name: "progress"; data: Progress }
  | { name: "preview"; data: Preview }
  | { name: "image"; data: Image }
  | { name: "failed"; data: Schemas["FailureOut"] }
  | { name: "done"; data: Job }
  | { name: "closing"; data: { message: string; retry_after_s: number } }
);
