// Keeps the phones up to date and sends their buttons without reloading the page, which would close its pop-ups.

const phones = document.querySelector("[data-lab-phones]");
const problem = document.querySelector("[data-lab-problem]");

/** Say what went wrong, or nothing. */
function tell(text) {
  problem.textContent = text;
  problem.hidden = !text;
}

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("[data-lab-form]");
  if (!form) return;
  event.preventDefault();
  const body = new FormData(form, event.submitter);
  try {
    // Not form.action: that is the button of this name.
    const answer = await fetch(form.getAttribute("action"), { method: "POST", body, headers: { "X-Requested-With": "lab" } });
    tell(answer.ok ? "" : await answer.text());
  } catch {
    tell("The server does not answer.");
  }
});

/** Ask for news again and again; each question waits on the server until there is some. */
async function follow() {
  let pause = 0;
  for (;;) {
    try {
      const address = `${phones.dataset.labPhones}?since=${phones.dataset.revision}`;
      const answer = await fetch(address, { signal: AbortSignal.timeout(30_000) });
      if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
      const revision = answer.headers.get("X-Revision");
      if (revision !== phones.dataset.revision) {
        phones.innerHTML = await answer.text();
        phones.dataset.revision = revision;
      }
      pause = 0;
    } catch {
      pause = Math.min(8000, pause * 2 || 500);
      await new Promise((resume) => setTimeout(resume, pause));
    }
  }
}

follow();
