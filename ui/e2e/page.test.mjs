// The page in a real browser, against the real binary that watches this machine.
//
// FIRESTEEL_BIN names the binary, CHROMIUM the browser; FIRESTEEL_SCREENSHOTS a folder for the README's pictures.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { chromium } from "playwright-core";

const binary = process.env.FIRESTEEL_BIN ?? "../target/release/firesteel";
const pictures = process.env.FIRESTEEL_SCREENSHOTS;

let data;
let server;
let browser;
let page;
let address;
const faults = [];

before(async () => {
  data = await mkdtemp(join(tmpdir(), "firesteel-e2e-"));
  server = spawn(binary, ["up", "--listen=127.0.0.1:0", `--data=${data}`], { stdio: ["ignore", "pipe", "inherit"] });
  address = await new Promise((resolve, reject) => {
    let said = "";
    server.stdout.on("data", (bytes) => {
      said += bytes;
      const found = /http:\/\/127\.0\.0\.1:\d+/.exec(said);
      if (found) resolve(found[0]);
    });
    server.on("exit", (code) => reject(new Error(`firesteel up ended with ${code}: ${said}`)));
  });
  // Root may not use Chromium's sandbox; the page under test is our own.
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
  page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
});

after(async () => {
  await browser?.close();
  if (server && server.exitCode === null) {
    server.removeAllListeners("exit");
    const ended = new Promise((resolve) => server.on("exit", resolve));
    server.kill("SIGTERM");
    await ended;
  }
  if (data) await rm(data, { recursive: true, force: true });
});

test("soon after the start the page graphs this machine's CPU", async (context) => {
  const start = Date.now();
  await page.goto(`${address}/`);
  await page.getByRole("button", { name: "CPU of this machine" }).click();
  await page.getByRole("button", { name: /mode="user"/ }).waitFor({ timeout: 60_000 });
  // The legend is there before the canvas, and the canvas before its lines.
  await page.waitForFunction(drawn, null, { timeout: 30_000 });
  // 10 s are promised. A busy machine may take longer, so the time is told and the picture is asked for.
  context.diagnostic(`drawn after ${Date.now() - start} ms`);
});

test("dragging over the graph zooms, and the address says so", async () => {
  const before = new URL(page.url()).searchParams.get("g0.range_input");
  const zoomed = (old) => new URL(location.href).searchParams.get("g0.range_input") !== old;
  // An answer that arrives during the drag draws the graph anew and ends it: a person would drag once more.
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const box = await page.getByTestId("graph").boundingBox();
    await page.mouse.move(box.x + box.width * 0.5, box.y + 150);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.9, box.y + 160, { steps: 8 });
    await page.mouse.up();
    const done = await page.waitForFunction(zoomed, before, { timeout: 6_000 }).catch(() => null);
    if (done) break;
  }
  assert.ok(new URL(page.url()).searchParams.has("g0.end_input"));
});

test("the editor completes, the table shows the answer, a fault shows the server's words", async () => {
  await page.goto(`${address}/query`);
  const editor = page.locator(".cm-content");
  await editor.click();
  await page.keyboard.type("node_lo");
  await page.locator(".cm-tooltip-autocomplete").getByText("node_load1", { exact: false }).first().waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("ControlOrMeta+A");
  await page.keyboard.type("count(up == 1)");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Execute" }).click();
  await page.getByTestId("table").getByText(/^[1-9]$/).waitFor();

  await editor.click();
  await page.keyboard.press("ControlOrMeta+A");
  await page.keyboard.type("rate(up)");
  await page.getByRole("button", { name: "Execute" }).click();
  const alert = page.getByRole("alert");
  await alert.waitFor();
  assert.match(await alert.innerText(), /expected type range vector in call to function "rate", got instant vector/);
  // The browser itself logs every answer with status 400.
  assert.deepEqual(faults.splice(0).filter((text) => !text.includes("400")), []);
});

test("targets are up and say when they were scraped", async () => {
  await page.goto(`${address}/targets`);
  const table = page.getByTestId("targets").first();
  await table.getByText("up", { exact: true }).first().waitFor();
  await table.getByText(/s ago, took/).first().waitFor();
  await shoot("targets.png");
});

test("a target that is down is diagnosed when the button is pressed", async () => {
  const down = {
    discoveredLabels: {}, labels: { job: "lost" }, scrapePool: "lost", scrapeUrl: "http://lost:1/metrics",
    globalUrl: "http://lost:1/metrics", lastError: "connection refused", lastScrape: new Date().toISOString(),
    lastScrapeDuration: 0.1, health: "down", scrapeInterval: "15s", scrapeTimeout: "10s",
  };
  const answer = (data) => ({ json: { status: "success", data } });
  const asked = [];
  await page.route("**/api/v1/targets?**", (route) => route.fulfill(answer({ activeTargets: [down] })));
  await page.route("**/api/v1/targets/diagnose?**", (route) => {
    asked.push(new URL(route.request().url()).searchParams.get("scrapeUrl"));
    return route.fulfill(answer({ code: "FS0501", message: "nothing listens", notes: ["a note"], remedy: "start it" }));
  });
  await page.goto(`${address}/targets`);
  const button = page.getByRole("button", { name: "Diagnose" });
  await button.waitFor();
  assert.deepEqual(asked, []);
  await button.click();
  const found = page.getByTestId("diagnosis");
  await found.getByText("FS0501: nothing listens").waitFor();
  await found.getByText("start it").waitFor();
  assert.deepEqual(asked, ["http://lost:1/metrics"]);
  await page.unrouteAll();
});

test("rules and alerts are listed, with what is wrong with them", async () => {
  await page.route("**/api/v1/rules**", async (route) => {
    const answer = await (await route.fetch()).json();
    const base = { query: "http_request_total > 5", labels: {}, evaluationTime: 0.001, lastEvaluation: new Date().toISOString() };
    const fix = { code: "FS1031", message: "there is no metric `http_request_total`", near: ["http_requests_total"], fix: "http_requests_total > 5" };
    const rules = [
      { ...base, type: "recording", name: "broken:rule", health: "err", lastError: "many-to-many matching not allowed" },
      { ...base, type: "alerting", name: "Never", health: "ok", state: "inactive", duration: 300, keepFiringFor: 0, annotations: {}, alerts: [], matchesNothing: [fix] },
    ];
    answer.data.groups.push({ name: "page", file: "page.yml", rules, interval: 15, evaluationTime: 0.002, lastEvaluation: base.lastEvaluation });
    await route.fulfill({ json: answer });
  });
  await page.goto(`${address}/rules`);
  await page.getByText("Watchdog", { exact: true }).first().waitFor();
  await page.getByText("many-to-many matching not allowed").waitFor();
  const mark = page.getByTestId("matches-nothing").filter({ hasText: "http_request_total" });
  await mark.getByText("there is no metric `http_request_total`").waitFor();
  await page.getByText(/^never fires \d/).click();
  await page.getByText("broken:rule").waitFor({ state: "detached" });
  // The page asks the real server for the expression's result.
  await page.unrouteAll({ behavior: "wait" });
  await mark.getByText("http_requests_total > 5").click();
  await page.getByText("Execute").waitFor();
  assert.equal(new URL(page.url()).searchParams.get("g0.expr"), "http_requests_total > 5");
  await page.goto(`${address}/alerts`);
  const watchdog = page.getByTestId("alert-rule").filter({ hasText: "Watchdog" });
  await watchdog.getByText("firing 1").waitFor({ timeout: 60_000 });
  await watchdog.click();
  await page.getByTestId("alerts").getByText('alertname="Watchdog"').waitFor();
});

test("a refused reload is shown on every page until a good one", async () => {
  let refused = true;
  await page.route("**/api/v1/status/runtimeinfo", async (route) => {
    const answer = await (await route.fetch()).json();
    const why = "prometheus.yml:2:3: `scarpe_interval` is not a setting of `global`; did you mean `scrape_interval`?";
    if (refused) Object.assign(answer.data, { reloadConfigSuccess: false, reloadConfigError: why });
    await route.fulfill({ json: answer });
  });
  for (const path of ["query", "targets", "flags"]) {
    await page.goto(`${address}/${path}`);
    const banner = page.getByTestId("rejected");
    await banner.getByText("did you mean `scrape_interval`?", { exact: false }).waitFor();
    await banner.getByText("stays in force", { exact: false }).waitFor();
  }
  // The page asks again by itself.
  refused = false;
  await page.getByTestId("rejected").waitFor({ state: "detached", timeout: 60_000 });
  await page.unrouteAll({ behavior: "wait" });
});

test("the status pages show the configuration, flags, build and head", async () => {
  for (const [path, text] of [
    ["config", "scrape_interval"],
    ["flags", "--storage.tsdb.path"],
    ["status", "version"],
    ["tsdb-status", "Series by metric name"],
  ]) {
    await page.goto(`${address}/${path}`);
    await page.getByText(text, { exact: false }).first().waitFor();
  }
});

test("dark colours follow the system, and a choice is kept", async () => {
  await page.goto(`${address}/query`);
  const scheme = () => page.evaluate(() => document.documentElement.dataset.mantineColorScheme);
  await page.emulateMedia({ colorScheme: "dark" });
  await page.waitForFunction(() => document.documentElement.dataset.mantineColorScheme === "dark");
  await page.getByRole("button", { name: /Switch colours to light/ }).click();
  await page.waitForFunction(() => document.documentElement.dataset.mantineColorScheme === "light");
  await page.reload();
  await page.getByText("Execute").waitFor();
  assert.equal(await scheme(), "light");
});

test("a graph for the README", { skip: !pictures && "no folder for pictures" }, async () => {
  await page.goto(`${address}/query`);
  await page.waitForTimeout(Number(process.env.FIRESTEEL_SCREENSHOT_WAIT_MS ?? 0));
  await page.getByRole("button", { name: "CPU of this machine" }).click();
  await page.getByRole("button", { name: /mode="user"/ }).waitFor();
  await page.waitForTimeout(500);
  await shoot("graph.png");
});

test("no error was logged", () => assert.deepEqual(faults, []));

/** Whether some pixel of the graph has the colour of a line. Runs in the page. */
function drawn() {
  const canvas = document.querySelector('[data-testid="graph"] canvas');
  if (!canvas || canvas.width === 0 || canvas.height === 0) return false;
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  for (let i = 0; i < data.length; i += 4) {
    const [r, g, b, a] = data.subarray(i, i + 4);
    if (a > 200 && Math.max(r, g, b) - Math.min(r, g, b) > 60) return true;
  }
  return false;
}

async function shoot(name) {
  if (pictures) await page.screenshot({ path: join(pictures, name) });
}
