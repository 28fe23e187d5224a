/** Columns: base64 of little-endian typed arrays. Every platform a browser runs on is little-endian. */

/** Bytes of base64 text. */
export function decodeBytes(base64: string): Uint8Array<ArrayBuffer> {
  const binary = atob(base64);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at);
  return bytes;
}

export function u8(base64: string): Uint8Array {
  return decodeBytes(base64);
}

export function u16(base64: string): Uint16Array {
  return new Uint16Array(decodeBytes(base64).buffer);
}

export function u32(base64: string): Uint32Array {
  return new Uint32Array(decodeBytes(base64).buffer);
}

/** i64 nanoseconds as floating-point nanoseconds after `origin`; 0 stays 0 when `zeroIsNone`. */
export function i64After(base64: string, origin: bigint, zeroIsNone = false): Float64Array {
  const raw = new BigInt64Array(decodeBytes(base64).buffer);
  const relative = new Float64Array(raw.length);
  for (let at = 0; at < raw.length; at++) {
    const value = raw[at] ?? 0n;
    relative[at] = zeroIsNone && value === 0n ? Number.NaN : Number(value - origin);
  }
  return relative;
}
