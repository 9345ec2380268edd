// What of a studio is cut off, stands out at its sides, or has to be scrolled to sideways.
studio => {
    const name = part => `${part.tagName} ${part.className} "${part.textContent.trim().slice(0, 30)}"`;
    const isSeen = part => part.getClientRects().length > 0 && part.clientWidth > 0;
    const isWider = part => part.scrollWidth > part.clientWidth + 1;
    const edges = studio.getBoundingClientRect();
    const standsOut = part => {
        const box = part.getBoundingClientRect();
        return box.left < edges.left - 1 || box.right > edges.right + 1;
    };
    const seen = [...studio.querySelectorAll("button, input, select, img, p, .widget-label, .widget-readout, .noUi-target")]
        .filter(isSeen);
    const found = [
        ...seen.filter(standsOut).map(part => `stands out: ${name(part)}`),
        ...seen.filter(part => part.matches("button, .widget-label, .widget-readout, p"))
            .filter(isWider).map(part => `cut off: ${name(part)}`),
    ];
    for (let around = studio; around && !around.matches(".jp-NotebookPanel"); around = around.parentElement) {
        if (isWider(around) && getComputedStyle(around).overflowX !== "visible") {
            found.push(`scrolls sideways: ${name(around)}`);
        }
    }
    return found;
}
