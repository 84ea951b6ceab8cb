"use strict";
(() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const page = document.documentElement;
  const buttons = all("button[data-finding]");
  const parts = all("[data-of]");
  const strength = document.getElementById("strength");
  const off = document.getElementById("off");
  const invert = document.getElementById("invert");
  let selected = "";

  const select = (label) => {
    selected = label;
    for (const part of parts) part.hidden = part.dataset.of !== selected;
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.finding === selected));
    for (const row of all("[data-row]")) row.classList.toggle("selected", row.dataset.row === selected);
    off.disabled = selected === "";
  };

  const step = (by) => {
    const at = buttons.findIndex((button) => button.dataset.finding === selected);
    const next = at < 0 ? (by > 0 ? 0 : buttons.length - 1) : Math.min(buttons.length - 1, Math.max(0, at + by));
    choose(buttons[next]);
  };

  const choose = (button) => {
    select(button.dataset.finding);
    button.focus({ preventScroll: true });
  };

  const speak = (language) => {
    page.lang = language;
    for (const button of all("button[data-language]")) {
      button.setAttribute("aria-pressed", String(button.dataset.language === language));
    }
    const heading = document.querySelector(`h1 [lang=${language}]`) ?? document.querySelector("h1");
    document.title = `${heading.textContent} · Rakurs`;
  };

  for (const button of all("button[data-language]")) {
    button.addEventListener("click", () => speak(button.dataset.language));
  }
  addEventListener("beforeprint", () => {
    for (const details of all("details")) details.open = true;
  });
  speak(navigator.language.startsWith("ru") ? "ru" : "en");
  if (!strength) return;

  const show = () => {
    for (const map of all("img.map")) map.style.opacity = String(strength.value / 100);
    strength.setAttribute("aria-valuetext", `${strength.value} %`);
  };
  strength.addEventListener("input", show);
  show();

  for (const row of all("[data-row]")) {
    row.addEventListener("click", () => select(row.dataset.row === selected ? "" : row.dataset.row));
  }
  off.addEventListener("click", () => select(""));
  invert.addEventListener("click", () => {
    const inverted = page.classList.toggle("inverted");
    invert.setAttribute("aria-pressed", String(inverted));
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target === strength) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") step(event.key === "ArrowDown" ? 1 : -1);
    else if (event.key === "Escape" || event.key === "0") select("");
    else if (/^[1-9]$/.test(event.key) && buttons[event.key - 1]) choose(buttons[event.key - 1]);
    else return;
    event.preventDefault();
  });
})();
