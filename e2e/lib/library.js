// Assets and packages made over the API, for the tests that are about playing.
import { openAsBlob } from "node:fs";
import path from "node:path";
import { until } from "./tools.js";

/** Uploads a file; gives the asset. */
export async function upload(server, file) {
  const form = new FormData();
  form.append("file", await openAsBlob(file), path.basename(file));
  return server.api("POST", "/api/v1/assets", form);
}

/** Packages an asset and waits until that is done; gives the package. */
export async function packageAsset(server, assetId, options) {
  const made = await server.api("POST", `/api/v1/assets/${assetId}/packages`, options);
  const pack = await until(`package ${made.id} is finished`, async () => {
    const now = await server.api("GET", `/api/v1/packages/${made.id}`);
    return ["Ready", "Failed"].includes(now.status) ? now : null;
  });
  if (pack.status !== "Ready") throw new Error(`package ${pack.id}: ${pack.error}`);
  return pack;
}
