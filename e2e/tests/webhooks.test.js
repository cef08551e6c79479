// /webhooks: an address is told what happens, its secret is seen once, and the log says what came of each message.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { after, before, test } from "node:test";
import { startReceiver } from "../lib/receiver.js";
import { until } from "../lib/tools.js";
import { world } from "../lib/world.js";

let receiver;
before(async () => {
  receiver = await startReceiver();
});
after(() => receiver.stop());

const here = world(undefined, ["--webhook-allow", "127.0.0.0/8"]);

/** The signatures of a message under a secret, as a receiver computes them by hand. */
function signature(message, secret) {
  const { "webhook-id": id, "webhook-timestamp": timestamp } = message.headers;
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  return `v1,${createHmac("sha256", key).update(`${id}.${timestamp}.${message.body}`).digest("base64")}`;
}

const signatures = (message) => message.headers["webhook-signature"].split(" ");

/** Opens the page, adds a webhook for one kind of event, and returns what the page shows of it, and the secret. */
async function add(page, url) {
  await page.goto(`${here.server.url}/webhooks`);
  await page.getByLabel("Address").fill(url);
  await page.getByLabel("asset.created").check();
  await page.getByRole("button", { name: "Add the webhook" }).click();
  const hook = page.getByRole("region", { name: url });
  await hook.waitFor();
  return { hook, secret: await page.getByLabel("Secret", { exact: true }).inputValue() };
}

const press = (within, name) => within.getByRole("button", { name, exact: true }).click();

/** Looks at the log until it has so many entries and the first says this. */
async function logged(page, hook, count, first) {
  const entries = hook.getByRole("listitem");
  await until(`the log says ${first}`, async () => {
    const button = hook.getByRole("button", { name: "Look again" });
    if (await button.isEnabled()) await button.click();
    return (await entries.count()) === count && first.test(await entries.first().innerText());
  });
  assert.equal(await page.getByRole("alert").count(), 0);
}

test("a webhook is made, told, given another secret, told again and deleted", () =>
  here.withPage(async (page) => {
    const { hook, secret } = await add(page, receiver.url);
    assert.match(secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
    assert.match(await hook.innerText(), /asset\.created · works/);

    await press(hook, "Send a test");
    await press(hook, "Deliveries");
    await logged(page, hook, 1, /webhook\.test.*delivered, answered with 204 \(1 attempt\)/);
    assert.deepEqual(signatures(receiver.messages[0]), [signature(receiver.messages[0], secret)]);

    await press(hook, "Another secret");
    const shown = page.getByLabel("Secret", { exact: true });
    await until("another secret is shown", async () => (await shown.inputValue()) !== secret);
    const second = await shown.inputValue();
    await press(hook, "Send a test");
    await logged(page, hook, 2, /delivered/);
    const both = [second, secret].map((secret) => signature(receiver.messages[1], secret));
    assert.deepEqual(signatures(receiver.messages[1]), both, "for a day both secrets sign");

    // The secrets are seen once.
    await page.reload();
    await hook.waitFor();
    assert.equal(await page.getByLabel("Secret", { exact: true }).count(), 0);
    const html = await page.content();
    assert.ok(![secret, second].some((secret) => html.includes(secret)));

    await press(hook, "Deliveries");
    await logged(page, hook, 2, /delivered/);
    await press(hook, "Delete");
    const dialog = page.getByRole("dialog");
    assert.match(await dialog.innerText(), new RegExp(`${new URL(receiver.url).host}.* is told nothing any more`));
    await press(dialog, "Delete");
    await hook.waitFor({ state: "detached" });
    await dialog.waitFor({ state: "hidden" });
    assert.equal(await page.getByRole("alert").count(), 0);
    assert.deepEqual((await here.server.api("GET", "/api/v1/webhooks")).data, []);
  }));

test("what a receiver refused is sent again, and is the same message", () =>
  here.withPage(async (page) => {
    const from = receiver.messages.length;
    const { hook } = await add(page, receiver.url);
    receiver.answer(503, { "retry-after": "3600" });
    await press(hook, "Send a test");
    await press(hook, "Deliveries");
    await logged(page, hook, 1, /the answer is 503.*\(1 attempt\); next /);
    receiver.answer(204);
    await hook.getByRole("button", { name: /^Send again: webhook\.test/ }).click();
    await logged(page, hook, 1, /delivered, answered with 204 \(2 attempts\)/);
    const [refused, taken] = receiver.messages.slice(from);
    assert.equal(taken.headers["webhook-id"], refused.headers["webhook-id"]);
    assert.equal(taken.body, refused.body);

    // A webhook that is disabled is sent nothing, and says so.
    await press(hook, "Disable");
    await hook.getByText("· disabled").waitFor();
    assert.equal(await hook.getByRole("button", { name: /Send/ }).count(), 0);
    await press(hook, "Enable");
    await hook.getByRole("button", { name: "Send a test" }).waitFor();
  }));

test("an address that is none of the public internet is refused in words", () =>
  here.withPage(async (page) => {
    await page.goto(`${here.server.url}/webhooks`);
    await page.getByLabel("Address").fill("http://10.0.0.1/hook");
    await page.getByRole("button", { name: "Add the webhook" }).click();
    assert.match(await page.getByRole("alert").innerText(), /10\.0\.0\.1|public internet/);
    assert.equal(await page.getByLabel("Address").inputValue(), "http://10.0.0.1/hook", "it can be corrected");
  }));
