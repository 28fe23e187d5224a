/** Durations and clock times. Nanoseconds arrive as decimal strings (BigInt) or as numbers. */

/** `840 µs`, `412 ms`, `41.2 s`, `3 m 12 s`, `2 h 05 m`; an absent duration is an en dash. */
export function duration(ns: number | string | null | undefined): string {
  if (ns === null || ns === undefined) return "–";
  const value = Number(ns);
  if (value < 0) return `−${duration(-value)}`;
  if (value < 1e3) return `${Math.round(value)} ns`;
  if (value < 999_500) return `${Math.round(value / 1e3)} µs`;
  if (value < 999_500_000) return `${Math.round(value / 1e6)} ms`;
  if (value < 59_950_000_000) return `${(value / 1e9).toFixed(1)} s`;
  return longDuration(Math.round(value / 1e9));
}

function longDuration(seconds: number): string {
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${pad(seconds % 60)} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} m`;
}

function pad(value: number): string {
  return String(value).padStart(2, "0");
}

const exactNumber = new Intl.NumberFormat("en-US");

/** The same duration to the nanosecond, for tooltips. */
export function exactDuration(ns: number | string | null | undefined): string {
  return ns === null || ns === undefined ? "not known" : `${exactNumber.format(BigInt(ns))} ns`;
}

/** `14:02:11` in the reader's zone; other days as `Mar 04, 14:02`. `now` is in milliseconds. */
export function clockTime(ns: string, now: number): string {
  const date = new Date(Number(BigInt(ns) / 1_000_000n));
  const time = `${pad(date.getHours())}:${pad(date.getMinutes())}`;
  if (date.toDateString() === new Date(now).toDateString()) {
    return `${time}:${pad(date.getSeconds())}`;
  }
  const day = date.toLocaleDateString("en-US", { month: "short", day: "2-digit" });
  const year = date.getFullYear() === new Date(now).getFullYear() ? "" : ` ${date.getFullYear()}`;
  return `${day}${year}, ${time}`;
}

/** ISO 8601 with all nine digits of the second. */
export function exactTime(ns: string): string {
  const value = BigInt(ns);
  const iso = new Date(Number(value / 1_000_000n)).toISOString();
  return iso.replace(/\d{3}Z$/, `${(value % 1_000_000_000n).toString().padStart(9, "0")}Z`);
}
