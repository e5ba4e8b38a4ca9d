// The page in a real browser, as somebody at a laptop uses it: PAGE_URL and PAGE_TOKEN say where and as whom.
//
// Each check prints its name; the last line counts them. A failed assertion ends the run with a stack trace.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import puppeteer from "puppeteer-core";

const { PAGE_URL: address, PAGE_TOKEN: token, PATH: path } = process.env;
const names = ["chromium", "chromium-browser", "google-chrome"];
const executablePath = path.split(delimiter).flatMap((dir) => names.map((name) => join(dir, name))).find(existsSync);
assert(executablePath, "no browser: install Chromium (Debian: apt-get install chromium)");
// Chromium's own sandbox refuses to run as root, which is who runs in a container.
const sandbox = process.getuid() === 0 ? ["--no-sandbox"] : [];
// The same program under a name that it does not know.
const elsewhere = new URL(address.replace("127.0.0.1", "elsewhere.test")).origin;
const browser = await puppeteer.launch({ executablePath, args: [...sandbox, "--host-resolver-rules=MAP elsewhere.test 127.0.0.1"] });

const complaints = [];
const open = async (context, url) => {
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  page.on("pageerror", (error) => complaints.push(`${error}`));
  // A refusal that the page shows is noted by the browser as well.
  const isRefusal = (message) => message.text().includes("status of 422");
  page.on("console", (message) => message.type() === "error" && !isRefusal(message) && complaints.push(message.text()));
  page.on("request", (request) => {
    // Nothing is fetched from anywhere else: the page works without a network.
    if (!/^(blob|data):/.test(request.url()) && new URL(request.url()).origin !== new URL(url).origin) complaints.push(request.url());
  });
  await page.goto(url);
  return page;
};
const text = (id) => page.$eval(`#${id}`, (element) => element.textContent);
const shows = (id, part, on = page) =>
  on.waitForFunction((id, part) => {
    const element = document.getElementById(id);
    return element.checkVisibility() && element.textContent.includes(part);
  }, {}, id, part);
const click = (label, within = "body") =>
  page.$$eval(`${within} button`, (buttons, label) => buttons.find((it) => it.textContent.includes(label)).click(), label);
const fill = (brief) => page.$eval("#brief", (field, brief) => {
  field.value = brief;
  field.dispatchEvent(new Event("input"));
}, brief);
const example = async () => {
  await click("Load the example");
  return JSON.parse(await page.$eval("#brief", (field) => field.value));
};

const page = await open(await browser.createBrowserContext(), `${address}/#token=${token}`);

const checks = {
  async the_link_brings_the_token_and_leaves_no_trace_of_it() {
    await shows("budget", "reserved of");
    assert.equal(page.url(), `${address}/`);
    assert.equal(await page.$eval("#token-form", (form) => form.checkVisibility()), false);
  },

  async without_a_token_it_asks_for_one() {
    const context = await browser.createBrowserContext();
    const other = await open(context, `${address}/`);
    await other.type("#token", token);
    await other.click("#token-form button");
    await other.waitForFunction(() => document.getElementById("budget").checkVisibility());
    await context.close();
  },

  async what_is_no_brief_is_told_so() {
    await fill("{");
    await click("Estimate");
    await shows("answer", "The brief is not JSON");
    const thin = { ...(await example()), description: "We sell." };
    await fill(JSON.stringify(thin));
    await click("Start the analysis");
    await shows("answer", "Please answer");
  },

  async an_estimate_costs_nothing() {
    await example();
    await click("Estimate");
    await shows("answer", "Expected: $");
    await page.reload();
    await shows("budget-text", "$0.00 spent, $0.00 reserved");
  },

  async an_analysis_is_followed_to_its_end() {
    await fill(JSON.stringify(await hostile()));
    await click("Start the analysis");
    await shows("answer", "Started; expected to cost $");
    // While it runs: money is held, and events come one by one.
    await shows("task-title", "running");
    await page.waitForFunction(() => /[1-9]\d* reserved/.test(document.getElementById("budget-text").textContent));
    await page.waitForFunction(() => document.querySelectorAll("#log li").length > 3);
    assert.match(await text("task-title"), /running/);
    await shows("task-title", "Analysis: completed");
    await shows("log", "task completed");
    await shows("simulated", "Simulated");
    for (const phase of ["research", "strategy", "campaign", "analytics"]) await shows(`phase-${phase}-text`, "100 %");
  },

  async its_artefacts_and_its_time_line_can_be_read() {
    const kinds = await page.$$eval("#artefacts button", (buttons) => buttons.map((it) => it.textContent));
    assert(kinds.length > 10, `${kinds}`);
    for (const kind of kinds) {
      await click(kind, "#artefacts");
      await shows("artefact-title", kind.split(" ⚠")[0]);
      await shows("artefact-body", "Version ");
    }
    await page.click("#trace summary");
    await shows("trace-body", "worker");
  },

  async a_text_is_never_markup() {
    await click("evidence", "#artefacts");
    await shows("artefact-body", "<img src=x");
    assert.deepEqual(await page.$$("img, b"), []);
    assert.equal(await page.evaluate(() => globalThis.taken), undefined);
  },

  async the_report_opens_beside_it() {
    const opened = browser.waitForTarget((target) => target.url().startsWith("blob:"));
    await click("HTML", "#reports");
    const report = await (await opened).page();
    await report.waitForFunction(() => document.body?.textContent.includes("Fernhill Repairs"));
    assert.match(await report.evaluate(() => document.body.textContent), /<img src=x/);
    assert.deepEqual(await report.$$("img"), []);
    assert.equal(await report.evaluate(() => globalThis.taken), undefined);
    await report.close();
  },

  async a_reload_shows_the_same_analysis_and_its_money() {
    await page.reload();
    await shows("task-title", "Analysis: completed");
    await shows("budget-text", "$0.00 reserved");
    assert.doesNotMatch(await text("budget-text"), /^\$0\.00 spent/);
  },

  async where_its_socket_is_refused_it_says_why() {
    const context = await browser.createBrowserContext();
    const other = await open(context, `${elsewhere}/#token=${token}`);
    await other.waitForSelector("#tasks button");
    await other.click("#tasks button");
    await shows("step", "name it in CORS_ORIGINS", other);
    await shows("task-title", "Analysis: completed", other);
    await context.close();
  },

  async a_running_analysis_can_be_cancelled() {
    await example();
    await click("Start the analysis");
    await page.waitForFunction(() => document.getElementById("cancel").checkVisibility());
    await click("Cancel", "#task");
    await shows("task-title", "Analysis: cancelled");
    await shows("tasks", "cancelled");
    assert.equal((await page.$$("#tasks button")).length, 2);
  },
};

/** A brief whose text tries to become a part of the page, within one sentence, for evidence quotes sentences. */
async function hostile() {
  const brief = await example();
  return { ...brief, description: `${brief.description} Members call it <img src=x onerror=taken=1> and <b>nothing else</b>.` };
}

for (const [name, check] of Object.entries(checks)) {
  await check();
  console.log(name.replaceAll("_", " "));
}
assert.deepEqual(complaints, []);
await browser.close();
console.log(`${Object.keys(checks).length} checks passed`);
