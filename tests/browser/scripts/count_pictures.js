// Count from now on how often an image is replaced by another.
picture => {
    window.ganlibCounter?.disconnect();
    window.ganlibPictures = 0;
    window.ganlibCounter = new MutationObserver(() => window.ganlibPictures++);
    window.ganlibCounter.observe(picture, { attributeFilter: ["src"] });
}
