// Monaco and Radix write style elements while they run, which the page's Content-Security-Policy refuses. It lets
// trusted script construct style sheets, though. So whoever asks for a style element is given this one: it takes text
// and rules in the same way, and its sheet holds wherever the element is.

class ConstructedStyle extends HTMLElement {
  sheet = new CSSStyleSheet();
  #root; // the document or shadow root that the sheet holds for

  connectedCallback() {
    this.hidden = true;
    this.#root = this.getRootNode();
    this.#root.adoptedStyleSheets.push(this.sheet);
  }

  disconnectedCallback() {
    this.#root.adoptedStyleSheets = this.#root.adoptedStyleSheets.filter((sheet) => sheet !== this.sheet);
  }

  get textContent() {
    return super.textContent;
  }

  set textContent(css) {
    super.textContent = css;
    this.sheet.replaceSync(css);
  }

  get innerText() {
    return this.textContent;
  }

  set innerText(css) {
    this.textContent = css;
  }

  appendChild(node) {
    this.textContent += node.textContent;
    return node;
  }
}

customElements.define('constructed-style', ConstructedStyle);

const createElement = document.createElement;
document.createElement = (name, options) =>
  createElement.call(document, name === 'style' ? 'constructed-style' : name, options);
