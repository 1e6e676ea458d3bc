// Values of data streams: msgpack, with numpy's arrays by the convention of msgpack-numpy (cl/_store/packing.py).

const TEXT = new TextDecoder();
const ARRAYS = {
  i1: Int8Array, u1: Uint8Array, i2: Int16Array, u2: Uint16Array, i4: Int32Array, u4: Uint32Array,
  i8: BigInt64Array, u8: BigUint64Array, f4: Float32Array, f8: Float64Array,
};
const MOST_ROWS = 1 << 18; // each is an object of its own: a page must survive what a program sends

/** Reads one value after the other. Throws RangeError where the bytes end too early. */
export class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = 0;
  }

  next() {
    const head = this.view.getUint8(this.at++);
    if (head < 0x80) return head;
    if (head < 0x90) return this.#map(head & 15);
    if (head < 0xa0) return this.#array(head & 15);
    if (head < 0xc0) return this.#text(head & 31);
    if (head >= 0xe0) return head - 256;
    return this.#long(head);
  }

  #long(head) {
    switch (head) {
      case 0xc0: return null;
      case 0xc2: return false;
      case 0xc3: return true;
      case 0xc4: case 0xc5: case 0xc6: return this.#bytes(this.#size(head - 0xc4));
      case 0xc7: case 0xc8: case 0xc9: return this.#extension(this.#size(head - 0xc7));
      case 0xca: return this.#number("getFloat32", 4);
      case 0xcb: return this.#number("getFloat64", 8);
      case 0xcc: case 0xcd: case 0xce: return this.#size(head - 0xcc);
      case 0xcf: return Number(this.#number("getBigUint64", 8));
      case 0xd0: return this.#number("getInt8", 1);
      case 0xd1: return this.#number("getInt16", 2);
      case 0xd2: return this.#number("getInt32", 4);
      case 0xd3: return Number(this.#number("getBigInt64", 8));
      case 0xd4: case 0xd5: case 0xd6: case 0xd7: case 0xd8: return this.#extension(1 << (head - 0xd4));
      case 0xd9: case 0xda: case 0xdb: return this.#text(this.#size(head - 0xd9));
      case 0xdc: case 0xdd: return this.#array(this.#size(head - 0xdb));
      case 0xde: case 0xdf: return this.#map(this.#size(head - 0xdd));
      default: throw new RangeError(`no msgpack: ${head}`);
    }
  }

  #number(read, size) {
    const value = this.view[read](this.at);
    this.at += size;
    return value;
  }

  #size(kind) { return kind === 0 ? this.#number("getUint8", 1) : kind === 1 ? this.#number("getUint16", 2) : this.#number("getUint32", 4); }

  #bytes(size) {
    if (this.at + size > this.bytes.length) throw new RangeError("msgpack that ends too early");
    const found = this.bytes.slice(this.at, this.at + size);
    this.at += size;
    return found;
  }

  #text(size) {
    if (this.at + size > this.bytes.length) throw new RangeError("msgpack that ends too early");
    const found = TEXT.decode(this.bytes.subarray(this.at, this.at + size));
    this.at += size;
    return found;
  }

  #extension(size) {
    const type = this.#number("getInt8", 1);
    return { type, data: this.#bytes(size) };
  }

  #array(size) {
    const found = [];
    for (let i = 0; i < size; i++) found.push(this.next());
    return found;
  }

  #map(size) {
    const found = {};
    let numpy = size > 0;
    for (let i = 0; i < size; i++) {
      const key = this.next();
      if (!(key instanceof Uint8Array)) numpy = false;
      const name = key instanceof Uint8Array ? TEXT.decode(key) : typeof key === "object" ? JSON.stringify(key) : String(key);
      const value = this.next();
      if (name === "__proto__") Object.defineProperty(found, name, { value, enumerable: true, configurable: true, writable: true });
      else found[name] = value;
    }
    return numpy && found.nd === true ? (arrayOf(found) ?? found) : found;
  }
}

const plain = (text) => (text instanceof Uint8Array ? TEXT.decode(text) : text);

/** An array of numbers as typed arrays, one a row; null for what JavaScript has none for. */
function arrayOf({ type, kind, shape, data }) {
  const found = /^([<>|=])([iuf][1248])$/.exec(plain(type));
  const Typed = found && ARRAYS[found[2]];
  if (!Typed || (kind?.length ?? 0) > 0 || !Array.isArray(shape) || shape.length === 0 || !(data instanceof Uint8Array)) return null;
  const size = Typed.BYTES_PER_ELEMENT;
  const rows = shape.slice(0, -1).reduce((product, length) => product * length, 1);
  if (rows > MOST_ROWS || rows * shape.at(-1) * size !== data.length) return null;
  if (found[1] === ">") for (let at = 0; at < data.length; at += size) data.subarray(at, at + size).reverse();
  return nested(new Typed(data.buffer), shape);
}

// Each row is an array of its own memory, as a program would make it.
function nested(values, shape) {
  if (shape.length === 1) return values;
  const [count, ...rest] = shape;
  const width = rest.reduce((product, length) => product * length, 1);
  return Array.from({ length: count }, (_, i) => nested(values.slice(i * width, (i + 1) * width), rest));
}
