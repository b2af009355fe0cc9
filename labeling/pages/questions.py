"""A panel's question to one reader: about one vertebra, beside their own finding on it and nothing else."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from labeling.models import Question
from labeling.pages.person import person
from labeling.pages.places import room_at
from labeling.reading.consensus.opening import answer
from labeling.reading.feedback.questions import question_for
from labeling.reading.refusals import OperationRefused

#: Characters; a longer answer belongs into a meeting.
LONGEST = 2000


@require_http_methods(["GET", "POST"])
@never_cache
def question_page(request: HttpRequest, question_id: int) -> HttpResponse:
    """The question; sent once, an answer stays as it is."""
    user = person(request)
    try:
        asked = question_for(user, question_id)
    except Question.DoesNotExist:
        raise Http404 from None
    text, refusal = "", ""
    if request.method == "POST":
        text = request.POST.get("text", "").replace("\x00", "").strip()
        refusal = _refusal(text)
        if not refusal:
            try:
                answer(user, question_id, text)
            except OperationRefused as refused:
                refusal = str(refused)
            else:
                messages.success(request, "Your answer is sent. The panel sees it.")
                return redirect("question", question_id=question_id)
    return render(
        request,
        "pages/question.html",
        {
            "asked": asked,
            "slices": ", ".join(str(k + 1) for k in asked.own.ks) if asked.own else "",
            "look": room_at(asked.read, asked.vertebra, asked.k),
            "text": text,
            "refusal": refusal,
            "longest": LONGEST,
        },
        status=422 if refusal else 200,
    )


def _refusal(text: str) -> str:
    if not text:
        return "Nothing is written. Write your answer first."
    return "" if len(text) <= LONGEST else f"The answer is longer than {LONGEST} characters. Shorten it."
