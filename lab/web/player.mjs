// Player moves a run through time: it asks engines, one question at a time, and
// shows what they answer. Two engines, of two runs side by side, get every
// question at once.
export const SPEEDS = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 1, 5];
const NORMAL = 0.05; // milliseconds of the run in one of ours
const DULL = 6; // times faster, while no message is on its way
const STORY = 40000; // milliseconds that the steps of a story take at normal speed, in all
const READING = 18; // milliseconds that a letter of a caption takes to read

export class Player {
  playing = false;
  speed = NORMAL;
  now = 0;      // the time that is shown, in milliseconds of the run
  frames = [];
  #busy = null; #last = 0; #hold = 0;

  // on: {show(frames, link, jumped), draw(now, passed), state(), failed(error)}
  constructor(engines, on) {
    this.engines = engines;
    this.on = on;
    requestAnimationFrame((at) => this.#loop(at));
  }

  get frame() { return this.frames[0]; }
  get over() { return this.frames.length > 0 && this.frames.every((f) => f.over); }
  get script() { return this.frame?.scenario != null; }

  // pace is how many milliseconds of the run pass in one of ours; a script's unit
  // is a step.
  get pace() {
    if (this.script) return Math.max(1.2 / 1000, this.frame.furthest.time / STORY) * (this.speed / NORMAL);
    return this.frames.every((f) => f.messages.length === 0) ? this.speed * DULL : this.speed;
  }

  // setSpeed; without a speed, the normal one.
  setSpeed(speed = NORMAL) { this.speed = speed; this.on.state(); }

  play(on = !this.playing) {
    if (on && this.over) return;
    this.playing = on;
    this.#hold = 0;
    this.on.state();
  }

  // ask puts a call to every engine, after those that are being answered, and
  // shows the frames. It returns the first engine's answer. Where one of two runs is to
  // lead, its engine alone is asked, and the other goes to the time at which that one is.
  async ask(name, fields = {}, jumped = true, lead = -1) {
    while (this.#busy) await this.#busy;
    const asked = lead in this.engines ? this.#follow(lead, name, fields) : Promise.all(this.engines.map((e) => e.call(name, fields)));
    this.#busy = asked.catch(() => {}).then(() => { this.#busy = null; });
    const answers = await asked;
    await this.#busy;
    const block = this.frame?.scenario?.block;
    this.frames = answers.map((a) => a.frame);
    if (jumped) this.now = Math.max(...this.frames.map((f) => f.time));
    if (this.script && this.frame.scenario.block !== block) {
      this.#hold = Math.min(7000, Math.max(1200, READING * this.frame.scenario.text.length)) * Math.min(1, NORMAL / this.speed);
    }
    this.on.show(this.frames, answers[0].link, jumped);
    if (answers[0].complaint) this.on.failed(new Error(answers[0].complaint));
    if (this.playing && this.over) this.play(false);
    return answers[0];
  }

  async #follow(lead, name, fields) {
    const first = await this.engines[lead].call(name, fields);
    return Promise.all(this.engines.map((e, i) => (i === lead ? first : e.call("seek", { ms: first.frame.time }))));
  }

  // step makes steps, of two runs that are not at one time of the one that can go on, or
  // back, of the later one.
  step(n) {
    const last = Math.max(...this.frames.map((f) => f.time));
    return this.jump("step", { n }, this.frames.findLastIndex((f) => (n < 0 ? f.time === last : !f.over)));
  }

  // jump is ask for what a person asked for: time stands still, and what goes wrong is said.
  async jump(name, fields, lead = -1) {
    this.play(false);
    try {
      return await this.ask(name, fields, true, lead);
    } catch (error) {
      this.on.failed(error);
      return null;
    }
  }

  #loop(at) {
    const passed = Math.min(100, at - this.#last);
    this.#last = at;
    if (this.playing && this.frame) this.#go(passed);
    if (this.frame) this.on.draw(this.now, passed);
    requestAnimationFrame((next) => this.#loop(next));
  }

  #go(passed) {
    if (this.#hold > 0) {
      this.#hold -= passed;
      return;
    }
    this.now += passed * this.pace;
    if (this.#busy) return; // a slow engine: what it missed comes with the next question
    const ms = this.now - Math.max(...this.frames.map((f) => f.now ?? f.time));
    if (this.script && ms < 1) return;
    this.ask("advance", { ms }, false).catch((error) => {
      this.play(false);
      this.on.failed(error);
    });
  }
}
