// Reads calendars from standard input as a JSON array of strings and prints what two JavaScript readers made of
// them: {"ical.js": [[entry, ...], ...], "node-ical": [...]}, one list of entries per calendar.
// ical.js is the engine of Thunderbird; node-ical serves many home-grown clients.
"use strict";

const fs = require("node:fs");
const nodeIcal = require("node-ical");

const pad = (number) => String(number).padStart(2, "0");

function fromDate(value) {
  if (!value) return null;
  if (value.dateOnly) return `${value.getFullYear()}-${pad(value.getMonth() + 1)}-${pad(value.getDate())}`;
  return value.toISOString().replace(".000Z", "Z");
}

const plain = (value) => (value && typeof value === "object" && "val" in value ? value.val : value ?? null);

async function withIcalJs(calendars) {
  const loaded = await import("ical.js");
  const ICAL = loaded.default ?? loaded;
  return calendars.map((source) => {
    const root = new ICAL.Component(ICAL.parse(source));
    const entries = [...root.getAllSubcomponents("vevent"), ...root.getAllSubcomponents("vtodo")];
    return entries.map((entry) => {
      const first = (name) => {
        const value = entry.getFirstPropertyValue(name);
        return value === null ? null : value.toString();
      };
      return {
        kind: entry.name,
        uid: first("uid"),
        summary: first("summary"),
        description: first("description"),
        start: first("dtstart"),
        end: first("dtend"),
        due: first("due"),
        status: first("status"),
        sequence: Number(first("sequence")),
        url: first("url"),
        categories: entry.getAllProperties("categories").flatMap((property) => property.getValues()),
        alarms: entry.getAllSubcomponents("valarm").map((alarm) => {
          const trigger = alarm.getFirstPropertyValue("trigger");
          return { trigger: trigger.toString(), description: alarm.getFirstPropertyValue("description") };
        }),
      };
    });
  });
}

function withNodeIcal(calendars) {
  return calendars.map((source) =>
    Object.values(nodeIcal.sync.parseICS(source))
      .filter((entry) => entry.type === "VEVENT" || entry.type === "VTODO")
      .map((entry) => ({
        kind: entry.type.toLowerCase(),
        uid: entry.uid,
        summary: plain(entry.summary),
        description: plain(entry.description),
        start: fromDate(entry.start),
        end: fromDate(entry.end),
        due: fromDate(entry.due),
        status: entry.status ?? null,
        sequence: Number(entry.sequence),
        url: plain(entry.url),
        categories: entry.categories ?? [],
        alarms: (entry.alarms ?? []).map((alarm) => ({
          trigger: plain(alarm.trigger) instanceof Date ? fromDate(plain(alarm.trigger)) : plain(alarm.trigger),
          description: plain(alarm.description),
        })),
      })),
  );
}

(async () => {
  const calendars = JSON.parse(fs.readFileSync(0, "utf8"));
  const result = { "ical.js": await withIcalJs(calendars), "node-ical": withNodeIcal(calendars) };
  process.stdout.write(JSON.stringify(result));
})();
