import { describe, expect, it } from "vitest";
import { readLicence } from "./licence";

describe("readLicence", () => {
  it("turns a ClearKey licence into hex pairs", () => {
    const body = JSON.stringify({
      keys: [{ kty: "oct", kid: "oW5AK5BW43HzbTSKpiu3SQ", k: "hyN9IKGfWKdAwFaE5pm0qg" }],
      type: "temporary",
    });
    expect(readLicence(body)).toEqual({
      a16e402b9056e371f36d348aa62bb749: "87237d20a19f58a740c05684e699b4aa",
    });
  });

  it.each(["", "{}", "null", '{"keys":[{"kid":"oW5AK5BW43HzbTSKpiu3SQ","k":"secret"}]}'])(
    "refuses %s without repeating it",
    (body) => {
      let message = "";
      try {
        readLicence(body);
      } catch (error) {
        message = (error as Error).message;
      }
      expect(message).not.toContain("secret");
      expect(message).toContain("malformed");
    },
  );
});
