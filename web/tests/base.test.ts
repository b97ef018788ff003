import { expect, test } from "vitest";
import { below } from "../src/api/base";

test.each([
  ["/", "/api/v1/jobs", "/api/v1/jobs"],
  ["/darkroom/", "/api/v1/jobs", "/darkroom/api/v1/jobs"],
  ["/darkroom/", "/darkroom/api/v1/jobs/job_1", "/darkroom/api/v1/jobs/job_1"],
  ["/darkroom/docs", "/openapi.json", "/darkroom/openapi.json"],
  ["/api/", "/api/v1/jobs", "/api/api/v1/jobs"],
  ["/a/b/", "/readyz", "/a/b/readyz"],
  ["/darkroom/", "data:image/png;base64,", "data:image/png;base64,"],
])("at %s, %s is at %s", (pathname, path, found) => expect(below(path, pathname)).toBe(found));
