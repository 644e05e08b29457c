// The exported models, run by onnxruntime-web in WebAssembly.

// What a person can mend or should know, in one plain line.
export class Unusable extends Error {}

const here = (address) => new URL(address.split("/").map(encodeURIComponent).join("/"), import.meta.url);

export function requireWebAssembly() {
  if (typeof WebAssembly !== "object") {
    throw new Unusable("This browser has no WebAssembly, which the model needs: use a current browser, or allow it for this page.");
  }
}

export async function loadModels() {
  return (await fetched("models.json")).json();
}

// A model that is ready to answer, by its description in models.json.
export async function openModel(description) {
  const ort = await startRuntime();
  const content = await (await fetched(description.file)).arrayBuffer();
  await requireDigest(content, description);
  const session = await ort.InferenceSession.create(content, { executionProviders: ["wasm"] });
  const model = new Model(ort, session, description);
  await model.classify(new Uint8Array(model.pixels)); // the first answer takes longer than all later ones
  return model;
}

class Model {
  constructor(ort, session, description) {
    this.description = description;
    this.pixels = description.image_size[0] * description.image_size[1];
    this.#ort = ort;
    this.#session = session;
  }

  #ort;
  #session;

  // Classify images (uint8, one after the other): their probabilities, one after the other, and how long it took.
  async classify(images) {
    const [name] = this.#session.inputNames;
    const shape = [images.length / this.pixels, ...this.description.image_size];
    const input = new this.#ort.Tensor("uint8", images, shape);
    const started = performance.now();
    const outputs = await this.#session.run({ [name]: input });
    const milliseconds = performance.now() - started;
    return { probabilities: outputs[this.#session.outputNames[0]].data, milliseconds };
  }
}

async function startRuntime() {
  const ort = await import("./runtime/onnxruntime-web.js");
  // More threads would need a page that is isolated from other sites, which not every web server can say.
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = { wasm: here("runtime/onnxruntime-web.wasm").href };
  return ort;
}

async function fetched(address) {
  let response;
  try {
    response = await fetch(here(address));
  } catch {
    throw new Unusable(`${address} could not be loaded: the web server does not answer. Start it again, then reload.`);
  }
  if (!response.ok) throw new Unusable(`${address} could not be loaded: the web server answers ${response.status}.`);
  return response;
}

async function requireDigest(content, { file, sha256 }) {
  if (!globalThis.crypto?.subtle) return; // only where the page came over HTTPS or from this machine
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  const hexadecimal = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (hexadecimal !== sha256) {
    throw new Unusable(`${file} is not the file that was exported: its SHA-256 is ${hexadecimal}. Make the page again.`);
  }
}
