// The little that the page does by itself; everything else is Bokeh's, and decided by the server.
(() => {
  const root = () => window.Bokeh?.documents[0]
  let asked = 0
  let focused = null // the question of the button that has the focus, or had it when it was replaced

  function ask(question) {
    const pulse = root()?.get_model_by_name("pulse")
    if (!pulse) return
    pulse.asked = `${++asked} ${question}`
    if (question.startsWith("page:")) {
      const address = new URL(location)
      address.searchParams.set("page", question.slice(5))
      history.replaceState(null, "", address)
    }
  }

  // Bokeh's widgets live in shadow trees, so the path of an event says more than its target.
  const asking = (event) => event.composedPath().find((node) => node.dataset?.ask)

  // An update between press and release replaces what is under the pointer, and then there is no click: the
  // release asks, if it is over the same question. A click without that comes from a key or from a program.
  let pressed = null
  let released = false
  document.addEventListener("pointerdown", (event) => {
    pressed = asking(event)?.dataset.ask
    focused = pressed ?? null
    released = false
  })
  document.addEventListener("pointerup", (event) => {
    released = event.button === 0 && pressed != null && asking(event)?.dataset.ask === pressed
    if (released) ask(pressed)
    noteFocus()
  })
  document.addEventListener("click", (event) => {
    const node = asking(event)
    if (node && !(released && event.detail > 0)) ask(node.dataset.ask)
  })

  document.addEventListener("keydown", (event) => {
    const [target] = event.composedPath()
    if (event.ctrlKey || event.metaKey || event.altKey) return
    if (target.matches?.("input, select, textarea, [role=slider]")) return
    const pages = [...all("[data-ask^='page:']")].filter((node) => node.closest("nav"))
    if (event.key >= "1" && event.key <= "9") pages[event.key - 1]?.click()
    else if (event.key === "Escape") ask("task:")
    else if (["ArrowLeft", "ArrowRight", "+", "-", "f", "0"].includes(event.key)) ask(`key:${event.key}`)
  })

  function* all(selector, from = document) {
    yield* from.querySelectorAll(selector)
    for (const node of from.querySelectorAll("*")) if (node.shadowRoot) yield* all(selector, node.shadowRoot)
  }

  // What has the focus, wherever in the shadow trees it is.  To ask is the only way: a move of the focus within
  // one of them, and the whole page is one, makes no event outside of it.
  function active() {
    let node = document.activeElement
    while (node?.shadowRoot?.activeElement) node = node.shadowRoot.activeElement
    return node === document.body ? null : node
  }

  function noteFocus() {
    const node = active()
    if (node) focused = node.dataset?.ask ?? null
    return node != null
  }
  document.addEventListener("keyup", noteFocus)

  // Bokeh leaves the handles of its sliders without names.
  function nameSliders() {
    for (const handle of all("[role=slider]:not([aria-label])")) {
      const title = handle.getRootNode().querySelector(".bk-slider-title")
      if (title) handle.setAttribute("aria-label", title.textContent.split(":")[0])
    }
  }

  const minray = {
    lost: () => void lookForServer(),
    painted(pulse) {
      nameSliders()
      requestAnimationFrame(() => {
        pulse.seen = pulse.sent
        // An update replaces the button that has the focus by a new one: hand the focus on to it.
        if (noteFocus() || focused == null) return
        for (const node of all("[data-ask]")) {
          if (node.dataset.ask === focused) return node.focus({preventScroll: true})
        }
      })
    },
  }
  window.minray = minray

  // A dashboard that has ended is looked for until it, or the next one, answers.
  async function lookForServer() {
    document.getElementById("lost").hidden = false
    for (;;) {
      await new Promise((done) => setTimeout(done, 1000))
      const answer = await fetch("icon.svg", {cache: "no-store"}).catch(() => null)
      if (answer?.ok) return location.reload()
    }
  }

  setInterval(nameSliders, 300)
})()
