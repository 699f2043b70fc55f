"""Who may not see personal data: what they start waits, and the ways on from there."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission

from accounts.models import Activity, User
from destinations.models import DataTemplate, Destination
from notifications.models import Notification
from tests.flows.world import World
from workflows import resolutions
from workflows.models import Workflow
from workflows.moves import State
from workflows.resolutions import Answers, NotAllowed, Person
from workflows.start import start


@pytest.fixture
def company(world: Callable[..., World]) -> World:
    """A company whose destination takes no personal data from those who may not see it."""
    made = world()
    Destination.objects.update(allows_restricted=False)
    made.klaviyo.forget_log()
    made.orchestration.template.destination.refresh_from_db()
    return made


@pytest.fixture
def paused(company: World) -> Workflow:
    """What happens to a run of somebody who may not see people."""
    return company.go_on(start(company.orchestration, by="ben", trigger="manual", restricted=True))


def person(name: str, *permissions: str) -> Person:
    user = User.objects.create_user(name, password="a long enough passphrase")
    codenames = [each.partition(".")[2] for each in permissions]
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return Person(name, User.objects.get(pk=user.pk))


def resolve(workflow: Workflow, way: str, by: Person, **answers: str) -> Workflow:
    given = Answers({name: [told] for name, told in answers.items()})
    return resolutions.resolve(workflow, way, given, by=by).workflow


class TestRestrictedData:
    def test_waits_before_anything_is_read_or_sent(self, company: World, paused: Workflow):
        assert (paused.state, paused.code) == (State.PAUSED, "restricted_pii")
        assert "“Klaviyo” takes none from them" in paused.message
        assert paused.counts == {}
        assert company.klaviyo.log() == []

    @pytest.mark.parametrize(("restricted", "allows"), [(False, False), (True, True)])
    def test_is_no_trouble_for_others_or_elsewhere(self, company: World, restricted: bool, allows: bool):
        Destination.objects.update(allows_restricted=allows)

        run = company.go_on(start(company.orchestration, by="ada", trigger="manual", restricted=restricted))

        assert run.state == State.SUCCEEDED


class TestAsking:
    def test_posts_one_notice_and_waits(self, paused: Workflow):
        ben = person("ben", "workflows.view_workflow")

        resolve(paused, "ask_operations", ben)

        paused.refresh_from_db()
        assert (paused.state, paused.code) == (State.PAUSED, "restricted_pii")
        notice = Notification.objects.get(kind="request")
        assert notice.title == "Asked to allow: People to VIP"
        assert "ben" not in notice.title + notice.body
        assert notice.body.startswith("Somebody asks to let run 1 ")
        assert "ask_operations" not in [each.name for each in resolutions.offered(paused)]


class TestAllowing:
    def test_lets_this_run_go_on_and_the_next_one_wait(self, company: World, paused: Workflow):
        olga = person("olga", "workflows.add_approval", "audiences.view_people")

        run = company.go_on(resolve(paused, "allow_once", olga))

        assert (run.pk, run.state, run.is_verified) == (paused.pk, State.SUCCEEDED, True)
        assert Activity.objects.get(action="resolved").actor == olga.user
        again = company.go_on(start(company.orchestration, by="ben", trigger="manual", restricted=True))
        assert again.code == "restricted_pii"

    @pytest.mark.parametrize("permission", ["audiences.view_people", "workflows.add_approval"])
    def test_needs_both_rights(self, paused: Workflow, permission: str):
        with pytest.raises(NotAllowed):
            resolve(paused, "allow_once", person("ben", permission))

        paused.refresh_from_db()
        assert paused.state == State.PAUSED


class TestAnotherDestination:
    def test_goes_where_it_may(self, company: World, paused: Workflow):
        here = company.orchestration.template.destination
        elsewhere = Destination.objects.create(
            name="Open", plugin="klaviyo", credential=here.credential, account_id=here.account_id
        )
        template = DataTemplate.objects.create(destination=elsewhere, name="Open", list_name="Open list")
        ben = person("ben", "workflows.change_orchestration")

        run = company.go_on(resolve(paused, "use_destination", ben, template=str(template.pk)))

        assert (run.state, run.is_verified, run.parent_id) == (State.SUCCEEDED, True, paused.pk)
        assert run.config["restricted"]
        assert len(company.members_of("Open list")) == 3
        paused.refresh_from_db()
        assert paused.state == State.CANCELLED

    def test_is_not_offered_when_there_is_none(self, paused: Workflow):
        assert "use_destination" not in [each.name for each in resolutions.offered(paused)]
