const studio = this.closest(".ganlib-studio");
const name = () => {
    for (const slider of studio.querySelectorAll(".widget-hslider")) {
        const label = slider.querySelector(".widget-label").textContent;
        const readout = slider.querySelector(".widget-readout");
        const handle = slider.querySelector(".noUi-handle, .ui-slider-handle");
        handle.setAttribute("role", "slider");
        handle.setAttribute("aria-label", label);
        handle.setAttribute("aria-valuetext", readout.textContent);
        readout.setAttribute("role", "textbox");
        readout.setAttribute("aria-label", `${label}, as a number`);
    }
    for (const view of studio.querySelectorAll(".widget-toggle-button")) {
        view.setAttribute("aria-pressed", view.classList.contains("mod-active"));
    }
    for (const image of studio.querySelectorAll("img.widget-image")) {
        const kept = image.closest(".ganlib-column")?.querySelector("button");
        image.alt = image.matches(".ganlib-slot") ? kept.textContent : "";
    }
    studio.querySelector("img.ganlib-picture").alt = studio.querySelector(".ganlib-status").textContent.trim();
    studio.querySelector(".ganlib-seed input").inputMode = "numeric";
};
new MutationObserver(name).observe(studio, { subtree: true, childList: true, attributeFilter: ["class", "src"] });
name();
