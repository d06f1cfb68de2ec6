// The little that the page does by itself; everything else is Bokeh's, and decided by the server.
(() => {
  const root = () => window.Bokeh?.documents[0]
  let asked = 0
  let focused = null // the question of the button that has the focus

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

  document.addEventListener("click", (event) => {
    const node = asking(event)
    if (node) ask(node.dataset.ask)
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

  // An update replaces the button that has the focus by a new one: hand the focus on to it.
  document.addEventListener("focusin", (event) => { focused = asking(event)?.dataset.ask ?? null })

  function* all(selector, from = document) {
    yield* from.querySelectorAll(selector)
    for (const node of from.querySelectorAll("*")) if (node.shadowRoot) yield* all(selector, node.shadowRoot)
  }

  function hasFocus() {
    let node = document.activeElement
    while (node?.shadowRoot?.activeElement) node = node.shadowRoot.activeElement
    return node?.dataset?.ask != null
  }

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
        if (focused == null || hasFocus()) return
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
