"use strict";
// Mouse, touch and keyboard on a canvas: turn, move, zoom, point at, pick.

NC.hands = (canvas, act) => {
  const held = new Map();
  let travelled = 0;
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.focus({ preventScroll: true }), canvas.setPointerCapture(event.pointerId);
    held.set(event.pointerId, event), travelled = 0;
    act.leave?.();
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = held.get(event.pointerId);
    if (!before) return void (event.pointerType === "mouse" && act.hover?.(...at(event)));
    const dx = event.clientX - before.clientX, dy = event.clientY - before.clientY;
    travelled += Math.abs(dx) + Math.abs(dy);
    if (held.size === 2) {
      const other = [...held].find(([id]) => id !== event.pointerId)[1];
      const gap = (e) => Math.hypot(e.clientX - other.clientX, e.clientY - other.clientY) || 1;
      act.zoom(gap(event) / gap(before)), act.pan(dx / 2, dy / 2);
    } else if (event.shiftKey || event.buttons & 6) act.pan(dx, dy);
    else act.rotate(dx, dy);
    held.set(event.pointerId, event);
  });
  const release = (event) => {
    const was = held.delete(event.pointerId);
    if (was && event.type === "pointerup" && travelled < 6) act.click?.(...at(event), event);
  };
  canvas.addEventListener("pointerup", release), canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", () => act.leave?.());
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault(), act.zoom(Math.exp(-0.0015 * event.deltaY));
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (arrow && event.shiftKey) act.pan(20 * arrow[0], 20 * arrow[1]);
    else if (arrow) act.rotate(12 * arrow[0], 12 * arrow[1]);
    else if (event.key === "+" || event.key === "=") act.zoom(1.15);
    else if (event.key === "-") act.zoom(1 / 1.15);
    else if (event.key === "0" || event.key === "Home") act.reset();
    else if (event.key === "Enter" && act.click) act.click(canvas.clientWidth / 2, canvas.clientHeight / 2, event);
    else return;
    event.preventDefault();
  });
};
