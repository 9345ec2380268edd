const studio = this.closest(".ganlib-studio");
const name = () => {
    for (const slider of studio.querySelectorAll(".widget-hslider")) {
        const [label, readout, handle] = [".widget-label", ".widget-readout", ".noUi-handle, .ui-slider-handle"]
            .map(part => slider.querySelector(part));
        if (!label || !readout || !handle) continue; // it is being made, or taken away
        handle.setAttribute("role", "slider");
        handle.setAttribute("aria-label", label.textContent);
        handle.setAttribute("aria-valuetext", readout.textContent);
        readout.setAttribute("role", "textbox");
        readout.setAttribute("aria-label", `${label.textContent}, as a number`);
    }
    for (const view of studio.querySelectorAll(".widget-toggle-button")) {
        view.setAttribute("aria-pressed", view.classList.contains("mod-active"));
    }
    for (const image of studio.querySelectorAll("img.widget-image")) {
        const kept = image.closest(".ganlib-column")?.querySelector("button");
        image.alt = image.matches(".ganlib-slot") ? kept?.textContent ?? "" : "";
    }
    const status = studio.querySelector(".ganlib-status")?.textContent.trim() ?? "";
    studio.querySelector("img.ganlib-picture")?.setAttribute("alt", status);
    studio.querySelector(".ganlib-seed input")?.setAttribute("inputmode", "numeric");
};
// A click with Shift on a tile becomes a number in a line that is not seen: JupyterLab keeps the order of one
// widget's messages, not of two.
studio.addEventListener("click", event => {
    const tile = event.shiftKey && event.target.closest(".ganlib-tile");
    const line = tile && tile.closest(".ganlib-panel").querySelector(".ganlib-shift input");
    if (!line) return;
    event.stopImmediatePropagation();
    if (event.detail > 1) return; // the second click of two
    line.value += ` ${[...tile.parentElement.children].indexOf(tile)}`;
    line.dispatchEvent(new Event("change", { bubbles: true }));
}, true);
// JupyterLab must not run the cell at Shift+Enter on a tile.
const keep = event => {
    if (event.target.matches(".ganlib-tile")) {
        event.target.toggleAttribute("data-lm-suppress-shortcuts", event.shiftKey);
    }
};
studio.addEventListener("keydown", keep);
studio.addEventListener("keyup", keep);
new MutationObserver(name).observe(studio, { subtree: true, childList: true, attributeFilter: ["class", "src"] });
name();
