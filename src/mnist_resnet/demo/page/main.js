// The page: what is drawn or dropped goes to the model that is chosen, and its answer is shown.

import { Answer } from "./answer.js";
import { Drawing } from "./drawing.js";
import { fitDigit, fitWhole, looksInverted, NothingToSee } from "./fitting.js";
import { loadModels, openModel, requireWebAssembly, Unusable } from "./model.js";
import { readPicture } from "./picture.js";

const element = (id) => document.getElementById(id);
const answer = new Answer(element);
const drawing = new Drawing(element("drawing"), element("pen"), () => usePicture(drawing.picture()));

let picture = null; // what is to be classified: grey pixels, or null
let model = null; // the one that is open
const opened = new Map(); // promises of models by their files
let asked = 0; // counts questions, so that a late answer to an earlier one is dropped

function whatFailed(error) {
  const isPlain = error instanceof Unusable || error instanceof NothingToSee;
  return isPlain ? error.message : `Something went wrong: ${error.message ?? error}`;
}

const sayWhatFailed = (error) => answer.say(whatFailed(error), true);

function usePicture(given, isInverted = false) {
  picture = given;
  element("invert").checked = isInverted;
  classify();
}

async function classify() {
  const question = ++asked;
  try {
    if (!model) return;
    if (!picture) {
      answer.say("The canvas is empty: draw something, or choose a picture.");
      return;
    }
    const seen = fit(picture, model.description);
    const { probabilities, milliseconds } = await model.classify(seen);
    if (question !== asked) return;
    answer.show(model.description, seen, probabilities, milliseconds);
  } catch (error) {
    if (question === asked) sayWhatFailed(error);
  }
}

function fit(given, description) {
  if (description.fit === "digit") return fitDigit(given, description.image_size);
  const fitted = fitWhole(given, description.image_size);
  return element("invert").checked ? fitted.map((value) => 255 - value) : fitted;
}

async function choose(description) {
  model = null;
  answer.describe(description);
  element("invert-label").hidden = description.fit === "digit";
  answer.say(`Loading the model (${Math.round(description.size / 1e5) / 10} MB) …`);
  if (!opened.has(description.file)) opened.set(description.file, openModel(description));
  const [{ value, reason }] = await Promise.allSettled([opened.get(description.file)]);
  if (!value) opened.delete(description.file); // so that choosing it again tries again
  if (!element(description.file).checked) return; // another was chosen meanwhile
  model = value ?? null;
  if (model) classify();
  else sayWhatFailed(reason);
}

async function usePictureFile(file) {
  try {
    const read = await readPicture(file);
    drawing.show(read);
    usePicture(read, looksInverted(read));
  } catch (error) {
    picture = null;
    drawing.clear();
    sayWhatFailed(error);
  }
}

function listModels(models) {
  for (const [place, description] of models.entries()) {
    const label = document.createElement("label");
    const radio = Object.assign(document.createElement("input"), { type: "radio", name: "model", id: description.file });
    radio.checked = place === 0;
    radio.addEventListener("change", () => choose(description));
    label.append(radio, description.title);
    element("models").append(label);
  }
}

function listen() {
  element("clear").addEventListener("click", () => {
    drawing.clear();
    usePicture(null);
  });
  element("invert").addEventListener("change", classify);
  element("file").addEventListener("change", ({ target }) => {
    if (target.files.length) usePictureFile(target.files[0]);
    target.value = ""; // so that the same file can be chosen again
  });
  // Anywhere on the page: a picture dropped beside the canvas would otherwise replace the page.
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    element("pad").classList.add("target");
  });
  document.addEventListener("dragleave", () => element("pad").classList.remove("target"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    element("pad").classList.remove("target");
    if (event.dataTransfer.files.length) usePictureFile(event.dataTransfer.files[0]);
    else sayWhatFailed(new Unusable("What was dropped is no file: save the picture first, then drop its file."));
  });
}

async function start() {
  try {
    requireWebAssembly();
    const { runtime, models } = await loadModels();
    answer.name(runtime);
    listModels(models);
    listen();
    element("message").hidden = true;
    element("page").hidden = false;
    choose(models[0]);
  } catch (error) {
    element("message").textContent = whatFailed(error);
    element("message").classList.add("alarm");
  }
}

start();
