// Which part of a studio has the focus: the last word of its handle's class, or nothing.
studio => {
    const part = document.activeElement;
    if (!studio.contains(part)) return "";
    const handles = [...part.closest('[class*="ganlib-"]').classList].filter(name => name.startsWith("ganlib-"));
    return handles[0].slice("ganlib-".length);
}
