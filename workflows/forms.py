"""What a press of a button carries with it."""

from django import forms

from workflows.finding import Asked


class ApprovalForm(forms.Form):
    """The hash of the plan that was on the page, so that nobody approves one they have not seen.

    `sure` is the number that is typed before much changes at once.
    """

    plan_hash = forms.CharField(max_length=64)
    sure = forms.CharField(required=False, max_length=20)


class SearchForm(forms.Form):
    """What the list of workflows is asked for; whatever is out of range means the beginning."""

    q = forms.CharField(required=False, max_length=100)
    state = forms.CharField(required=False, max_length=20)
    destination = forms.CharField(required=False, max_length=36)
    kind = forms.CharField(required=False, max_length=32)
    since = forms.CharField(required=False, max_length=10)
    sort = forms.CharField(required=False, max_length=20)
    page = forms.IntegerField(required=False, min_value=1, max_value=1_000_000)
    version = forms.CharField(required=False, max_length=16)

    def asked(self) -> Asked:
        self.is_valid()
        given = self.cleaned_data
        return Asked(
            tab=given.get("state", ""),
            words=given.get("q", ""),
            destination=given.get("destination", ""),
            kind=given.get("kind", ""),
            since=given.get("since", ""),
            sort=given.get("sort", ""),
            page=given.get("page") or 1,
        )
