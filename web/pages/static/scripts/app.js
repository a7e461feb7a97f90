// What every page does: keep its cards young, its ages counting, its times local, and its forms working.

import { startAges } from "./ages.js";
import { startCards } from "./cards.js";
import { startDialogs } from "./dialogs.js";
import { startForms } from "./forms.js";
import { startFrame } from "./frame.js";
import { startState } from "./state.js";
import { startStream } from "./stream.js";
import { startTimes } from "./times.js";

startFrame();
startTimes();
startAges();
startCards();
startForms();
startDialogs();
startState();
startStream();
