"""Peewee models of the registry's tables about access: tokens, and browsers that are signed in."""

from peewee import AutoField, Model, TextField

from glyphd.db.fields import CaselessTextField, TimeTextField


class AccessToken(Model):
    """One token that was ever created; the token itself is not kept."""

    id = AutoField()
    name = TextField()
    lookup = TextField()
    digest = TextField()
    scope = TextField()
    source = CaselessTextField(null=True)
    created_at = TimeTextField()
    expires_at = TimeTextField(null=True)
    revoked_at = TimeTextField(null=True)

    class Meta:
        table_name = "access_tokens"


AccessToken.add_index(
    AccessToken.index(AccessToken.lookup, unique=True, name="access_tokens_by_lookup")
)
AccessToken.add_index(
    AccessToken.index(AccessToken.name, unique=True, name="access_tokens_by_name").where(
        AccessToken.revoked_at.is_null()
    )
)


class Session(Model):
    """One browser that is signed in. It ends with the token that it was opened with."""

    digest = TextField(primary_key=True)
    token_digest = TextField()
    created_at = TimeTextField()
    expires_at = TimeTextField()

    class Meta:
        table_name = "sessions"


TOKEN_MODELS = (AccessToken, Session)
