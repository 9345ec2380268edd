// Note from now on the milliseconds from the last key pressed until a new picture can be drawn.
picture => {
    let pressed = 0;
    window.ganlibTimer?.disconnect();
    window.ganlibTimes = [];
    const note = async () => {
        await picture.decode();
        window.ganlibTimes.push(performance.now() - pressed);
    };
    document.addEventListener("keydown", () => { pressed = performance.now(); }, true);
    window.ganlibTimer = new MutationObserver(note);
    window.ganlibTimer.observe(picture, { attributeFilter: ["src"] });
}
