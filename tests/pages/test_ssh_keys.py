"""Keys of SSH on the pages: made or pasted, shown by their public half, used only where a person said so."""

import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse

from accounts.models import Activity
from credentials import host_keys, probes, ssh_keys, vault
from credentials.host_keys import Pin
from credentials.models import Credential
from tests.credentials import ssh
from tests.pages.world import PIN

OTHER = Pin("ssh-ed25519", "SHA256:" + "b" * 43)
FORM = {"name": "Partner", "kind": "sftp", "host": "sftp.example.org", "user": "acme", "origin": "make"}


def url(door: str, credential: Credential) -> str:
    return reverse(f"credentials:{door}", args=[credential.pk])


def refresh(credential: Credential) -> Credential:
    return Credential.objects.get(pk=credential.pk)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let every test of an SFTP key meet a server that presents this key."""

    def probe(credential: Credential, presented: Pin) -> probes.Opened:
        said = {"type": presented.type, "fingerprint": presented.fingerprint}
        pins = host_keys.pinned(credential)
        if not pins:
            raise probes.HostKeyUnknown("Nobody accepted it.", **said)
        if presented not in pins:
            raise probes.HostKeyChanged("It is another.", **said, pinned=pins)
        return probes.Opened("sftp:1", "acme@host:22", (), detail="The folder “profiles” is there.")

    def presents(pin: Pin) -> None:
        for kind in ("klaviyo_sftp", "sftp"):
            monkeypatch.setitem(probes._probes, kind, lambda credential: probe(credential, pin))

    return presents


@pytest.mark.django_db
class TestAdd:
    def test_makes_a_key_pair_when_none_was_pasted(self, as_ada):
        page = as_ada.post(reverse("credentials:add"), FORM, follow=True).content.decode()

        made = Credential.objects.get(name="Partner")
        assert made.public_key.startswith("ssh-ed25519 ")
        assert made.public_key in page
        assert made.settings["folder"] == "."
        assert ssh_keys.read(vault.reveal(made)).public_line == made.public_key

    def test_stores_the_key_that_was_pasted_with_its_passphrase(self, as_ada):
        text = ssh.text("rsa", "pkcs8", ssh.PASSPHRASE).replace("\n", "\r\n")
        given = {**FORM, "origin": "paste", "private_key": text, "passphrase": ssh.PASSPHRASE}

        page = as_ada.post(reverse("credentials:add"), given, follow=True).content.decode()

        made = Credential.objects.get(name="Partner")
        assert made.public_key == ssh.public_line("rsa")
        assert not any(line in page for line in (*ssh.canaries(text), ssh.PASSPHRASE))

    def test_takes_what_klaviyo_has_by_default(self, as_ada):
        as_ada.post(reverse("credentials:add"), {"name": "Klaviyo SFTP", "kind": "klaviyo_sftp"})

        settings = Credential.objects.get().settings
        assert (settings["host"], settings["port"], settings["user"]) == ("sftp.klaviyo.com", 22, "")
        assert settings["folder"] == "profiles"

    @pytest.mark.parametrize(
        ("given", "reason"),
        [
            ({"origin": "paste"}, "Nothing was pasted"),
            ({"origin": "paste", "private_key": ssh.public_line()}, "public half"),
            ({"origin": "paste", "private_key": ssh.text("rsa1024")}, "1,024 bits"),
            ({"private_key": ssh.text("ed25519", "openssh", "x")}, "Give the passphrase too"),
            (
                {"private_key": ssh.text("rsa", "pem", "x"), "passphrase": ssh.PASSPHRASE},
                "does not open this key",
            ),
            ({"private_key": "-" * 70_000}, "at most 65536 characters"),
            ({"host": "sftp://sftp.example.org"}, "Give the host name alone"),
            ({"user": ""}, "user name on the server is missing"),
            ({"port": "70000"}, "less than or equal to 65535"),
        ],
    )
    def test_says_why_it_cannot_be(self, as_ada, given, reason):
        page = as_ada.post(reverse("credentials:add"), {**FORM, **given}).content.decode()

        assert reason in page
        pasted = given.get("private_key", "")
        assert not any(line in page for line in (*ssh.canaries(pasted), ssh.PASSPHRASE))
        assert not Credential.objects.exists()

    def test_leaves_other_kinds_as_they_were(self, as_ada):
        given = {"name": "Warehouse", "kind": "database_password", "secret": "hunter2", "origin": "make"}

        as_ada.post(reverse("credentials:add"), given)

        made = Credential.objects.get()
        assert (vault.reveal(made), made.settings) == ("hunter2", {})

    def test_still_needs_the_secret_of_other_kinds(self, as_ada):
        page = as_ada.post(reverse("credentials:add"), {"name": "Shop", "kind": "klaviyo_api_key"})

        assert "This field is required" in page.content.decode()


@pytest.mark.django_db
class TestPage:
    def test_says_where_the_public_half_belongs(self, as_ada, world):
        page = as_ada.get(url("detail", world.sftp)).content.decode()

        assert world.sftp.public_key in page
        assert f'data-copy="{world.sftp.public_key}"' in page
        assert "Add a new SSH key" in page
        assert PIN.fingerprint in page
        assert ssh_keys.fingerprint(world.sftp.public_key) in page

    def test_shows_nothing_of_the_private_half(self, as_ada, world):
        own = [line for line in vault.reveal(world.sftp).splitlines() if "-----" not in line][-2:]

        for door in (url("detail", world.sftp), reverse("credentials:list")):
            page = as_ada.get(door).content.decode()
            assert not any(line in page for line in own)

    def test_offers_who_may_only_look_nothing_to_press(self, as_ben, world):
        page = as_ben.get(url("detail", world.sftp)).content.decode()

        assert world.sftp.public_key in page
        assert 'class="body form"' not in page


@pytest.mark.django_db
class TestReplace:
    def test_makes_another_pair_and_shows_its_public_half(self, as_ada, world):
        page = as_ada.post(
            url("replace-secret", world.sftp), {"origin": "make"}, follow=True
        ).content.decode()

        after = refresh(world.sftp)
        assert after.public_key != world.sftp.public_key
        assert after.public_key in page
        assert "has a new key pair" in page
        assert host_keys.pinned(after) == (PIN,)

    def test_keeps_the_old_one_when_the_new_one_is_refused(self, as_ada, world):
        given = {"origin": "paste", "private_key": ssh.text("dsa", "pkcs8")}

        page = as_ada.post(url("replace-secret", world.sftp), given).content.decode()

        assert "DSA" in page
        assert refresh(world.sftp).version == 1


@pytest.mark.django_db
class TestReaddress:
    def test_moves_the_key_and_says_that_the_server_is_another(self, as_ada, world):
        given = {"host": "sftp.example.org", "port": "2222", "user": "AbC123_x", "folder": "in/"}

        page = as_ada.post(url("readdress", world.sftp), given, follow=True).content.decode()

        after = refresh(world.sftp)
        assert (after.settings["host"], after.settings["folder"]) == ("sftp.example.org", "in")
        assert host_keys.pinned(after) == ()
        assert "That is another server" in page
        assert Activity.objects.filter(action="changed").count() == 1

    def test_comes_back_with_the_reason(self, as_ada, world):
        given = {"host": "two words", "port": "22", "user": "", "folder": "in"}

        page = as_ada.post(url("readdress", world.sftp), given).content.decode()

        assert "This is not a host name" in page
        assert host_keys.pinned(refresh(world.sftp)) == (PIN,)

    def test_is_not_there_for_a_credential_without_a_server(self, as_ada, world):
        assert as_ada.post(url("readdress", world.password), {}).status_code == 404


@pytest.mark.django_db
class TestHostKey:
    def test_is_shown_to_be_compared_before_any_login(self, as_ada, world, server):
        host_keys.keep_only(world.sftp, [], by="ada")
        server(OTHER)

        page = as_ada.post(url("test", world.sftp), follow=True).content.decode()

        assert "Is this the right server?" in page
        assert OTHER.fingerprint in page
        assert host_keys.pinned(refresh(world.sftp)) == ()

    def test_is_pinned_once_compared_and_then_the_test_tells_what_it_found(self, as_ada, ada, world, server):
        host_keys.keep_only(world.sftp, [], by="ada")
        server(OTHER)
        as_ada.post(url("test", world.sftp))

        accepted = self.accept(as_ada, world, compared="on")
        tested = as_ada.post(url("test", world.sftp), follow=True).content.decode()

        assert "is pinned. Test again" in accepted
        assert host_keys.pinned(refresh(world.sftp)) == (OTHER,)
        assert Activity.objects.filter(action="accepted_host_key").latest("pk").actor == ada
        assert "The folder “profiles” is there." in tested
        assert "Is this the right server?" not in tested

    def test_is_not_pinned_by_who_did_not_compare(self, as_ada, world, server):
        host_keys.keep_only(world.sftp, [], by="ada")
        server(OTHER)
        as_ada.post(url("test", world.sftp))

        page = self.accept(as_ada, world)

        assert "Compare the fingerprint first" in page
        assert host_keys.pinned(refresh(world.sftp)) == ()

    def test_that_changed_is_shown_beside_the_pinned_one(self, as_ada, world, server):
        server(OTHER)

        page = as_ada.post(url("test", world.sftp), follow=True).content.decode()

        section = page[page.index('id="host-key"') : page.index("</section>", page.index('id="host-key"'))]
        assert 'data-tone="bad"' in page
        assert PIN.fingerprint in section
        assert OTHER.fingerprint in section
        assert "something else answers in its place" in section

    def test_that_changed_takes_the_old_one_s_place_only_when_told_so(self, as_ada, world, server):
        server(OTHER)
        as_ada.post(url("test", world.sftp))

        hesitant = self.accept(as_ada, world, compared="on")
        unchanged = host_keys.pinned(refresh(world.sftp))
        self.accept(as_ada, world, compared="on", replace="on")

        assert "The pinned key stays" in hesitant
        assert unchanged == (PIN,)
        assert host_keys.pinned(refresh(world.sftp)) == (OTHER,)

    def test_is_not_taken_from_a_page_that_is_old(self, as_ada, world, server):
        host_keys.keep_only(world.sftp, [], by="ada")
        server(OTHER)
        as_ada.post(url("test", world.sftp))

        page = self.accept(as_ada, world, compared="on", fingerprint=PIN.fingerprint)

        assert "another key meanwhile" in page
        assert host_keys.pinned(refresh(world.sftp)) == ()

    def test_is_not_taken_without_a_test_or_from_a_server_left_behind(self, as_ada, world, server):
        server(OTHER)
        untested = self.accept(as_ada, world, compared="on", replace="on")
        as_ada.post(url("test", world.sftp))
        moved = {"host": "sftp.example.org", "port": "22", "user": "x", "folder": "in"}
        as_ada.post(url("readdress", world.sftp), moved)

        page = self.accept(as_ada, world, compared="on", replace="on")

        assert "Nothing waits to be accepted" in untested
        assert "Nothing waits to be accepted" in page
        assert host_keys.pinned(refresh(world.sftp)) == ()

    def test_is_not_shown_because_a_link_says_so(self, as_ada, world):
        forged = "?type=ssh-ed25519&fingerprint=" + OTHER.fingerprint

        assert OTHER.fingerprint not in as_ada.get(url("detail", world.sftp) + forged).content.decode()

    @staticmethod
    def accept(client, world, **given: str) -> str:
        posted = {"type": OTHER.type, "fingerprint": OTHER.fingerprint, **given}
        return client.post(url("accept-host-key", world.sftp), posted, follow=True).content.decode()


@pytest.mark.django_db(transaction=True)
class TestInABrowser:
    def test_shows_only_the_fields_of_the_chosen_type(self, browsing, live_server):
        browsing.goto(live_server.url + reverse("credentials:add"))
        assert browsing.get_by_label("Key or password").is_visible()
        assert not browsing.get_by_label("Host").is_visible()

        browsing.get_by_label("Type").select_option("sftp")
        assert not browsing.get_by_label("Key or password").is_visible()
        assert not browsing.get_by_label("Private key to store").is_visible()
        browsing.get_by_label("Paste a private key").check()
        browsing.get_by_label("Private key to store").fill(ssh.text("nistp256"))
        browsing.get_by_label("Credential name").fill("Partner")
        browsing.get_by_label("Host").fill("sftp.example.org")
        browsing.get_by_label("User name").fill("acme")
        browsing.get_by_role("button", name="Save").click()

        browsing.get_by_text("“Partner” was added").wait_for()
        assert Credential.objects.get().public_key == ssh.public_line("nistp256")

    def test_works_without_scripts(self, chromium, live_server, as_ada):
        context = chromium.new_context(java_script_enabled=False)
        cookie = as_ada.cookies["sessionid"]
        context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": live_server.url}])
        page = context.new_page()
        page.goto(live_server.url + reverse("credentials:add"))

        page.get_by_label("Credential name").fill("Klaviyo SFTP")
        page.get_by_label("Type").select_option("klaviyo_sftp")
        page.get_by_role("button", name="Save").click()

        assert page.get_by_text("“Klaviyo SFTP” was added").is_visible()
        context.close()

    @pytest.mark.parametrize("theme", ["light", "dark"])
    @pytest.mark.parametrize("pinned", [(), (PIN,)], ids=["unknown", "changed"])
    def test_compares_host_keys_without_accessibility_fault(
        self, browsing, live_server, world, server, theme, pinned
    ):
        host_keys.keep_only(world.sftp, pinned, by="ada")
        server(OTHER)
        browsing.emulate_media(color_scheme=theme, reduced_motion="reduce")
        browsing.goto(live_server.url + url("detail", world.sftp))

        browsing.get_by_role("button", name="Test").click()
        browsing.get_by_text("Presented now").wait_for()
        assert Axe().run(browsing).response["violations"] == []

        browsing.set_viewport_size({"width": 390, "height": 844})
        assert browsing.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        browsing.get_by_label("I compared this fingerprint").check()
        if pinned:
            browsing.get_by_label("Replace the pinned key").check()
        browsing.get_by_role("button", name=re.compile("Accept this key|Replace the pinned key")).click()
        browsing.get_by_text("The key of the server is pinned").wait_for()
