"""Names that exports give their columns, by role. A name alone decides nothing: the content must agree.

The documented names come first. The others are those of SailPoint, Saviynt, SAP (AGR_USERS), Active
Directory, Salesforce, Workday, NetSuite and Entra exports, and words that many programs use.
"""

from __future__ import annotations

import re
from enum import StrEnum

from pipeline.lookalike import look


class Role(StrEnum):
    """What a column is read as."""

    USER = "user"
    ATTRIBUTE = "user_attribute"
    ENTITLEMENT = "entitlement"
    STATUS = "status"
    DATE = "date"
    START = "validity_start"
    END = "validity_end"
    LAYOUT = "layout"
    IGNORED = "ignored"


DOCUMENTED = "the documented format"
NEGATED = "exports that say who has no access"
_TEMPLATE_REMARK = re.compile(r"\s*\[[^\]]*\].*$")
"""Entra's templates write ``User name [userPrincipalName] Required``."""

# In the order in which they are preferred: what Okta knows people by comes first.
_NAMES: dict[Role, tuple[tuple[str, str], ...]] = {
    Role.USER: (
        (DOCUMENTED, "email user_email login username"),
        ("many exports", "emailaddress mail workemail primaryemail useremailaddress smtpaddress"),
        ("Active Directory and Entra", "userprincipalname upn"),
        ("Workday", "primaryworkemail emailprimarywork workdayaccount"),
        ("Salesforce", "assigneeusername assigneeemail userusername"),
        ("SailPoint", "identityemail identityname nativeidentity accountid"),
        ("Saviynt", "accountname"),
        ("SAP", "uname bname"),
        ("Active Directory", "samaccountname"),
        ("many exports", "userlogin loginname loginid user"),
    ),
    Role.ENTITLEMENT: (
        (DOCUMENTED, "role permission_set"),
        ("SAP", "agrname"),
        ("SailPoint", "entitlement entitlements entitlementvalue accessprofile accessprofiles"),
        ("Saviynt", "entitlementvaluename"),
        ("Active Directory", "memberof"),
        ("Salesforce", "permissionsetlabel permissionsetname profilename profile"),
        ("Workday", "securitygroups securitygroup userbasedsecuritygroups assignedroles"),
        ("NetSuite", "globalpermissions"),
        ("Entra", "approle approledisplayname groupdisplayname roledisplayname"),
        ("many exports", "roles rolename permission permissions permissionsets group groups groupname"),
    ),
    Role.STATUS: (
        (DOCUMENTED, "effective_access"),
        ("NetSuite", "loginaccess giveaccess"),
        ("Entra and Active Directory", "accountenabled enabled"),
        ("Salesforce", "isactive assigneeisactive userisactive"),
        ("many exports", "accessstatus status accountstatus userstatus active isenabled assignmentstatus"),
        ("many exports", "rolestatus membershipstatus employmentstatus employeestatus workerstatus"),
        ("many exports", "decision reviewdecision accessdecision effect approvalstatus"),
        ("many exports", "aktiv actif activo attivo ativo actief statut"),
        (
            NEGATED,
            "disabled isdisabled accountdisabled inactive isinactive deactivated suspended issuspended",
        ),
        (NEGATED, "revoked isrevoked removed deleted isdeleted terminated exclude excluded"),
        (NEGATED, "gesperrt inaktiv deaktiviert inactif inactivo inativo bloqueado"),
    ),
    Role.DATE: (
        (DOCUMENTED, "access_date"),
        ("SAP", "changedat"),
        ("many exports", "grantdate granteddate grantedon assigneddate assignedon assignmentdate"),
        ("many exports", "lastmodified lastmodifieddate modifieddate updatedat recorddate"),
    ),
    Role.START: (
        ("SAP", "fromdat begda"),
        ("Entra", "assignmentstarttimeutc startdatetime"),
        ("many exports", "validfrom validitystart accessstart accessstartdate rolestart effectivefrom"),
    ),
    Role.END: (
        ("SAP", "todat endda"),
        ("Entra", "assignmentendtimeutc enddatetime endtime"),
        ("Active Directory", "accountexpirationdate"),
        ("Saviynt", "validthrough"),
        ("many exports", "validto validuntil validityend accessend roleend expires expiry expirydate"),
        ("many exports", "expirationdate expiration expiresat expireson accessexpires accessenddate"),
        (
            "many exports",
            "roleenddate assignmentend effectiveto effectiveuntil enddate terminationdate gültigbis",
        ),
    ),
    Role.ATTRIBUTE: (
        ("many exports", "userid employeeid employeenumber workerid personid internalid externalid id"),
        ("many exports", "displayname fullname name firstname lastname givenname surname sn worker"),
        (
            "many exports",
            "department division location office company country city costcenter title jobtitle",
        ),
        ("many exports", "manager manageremail supervisor phone"),
    ),
}


def name_key(name: str) -> str:
    """How names of columns are compared: letters and digits alone, without case."""
    return "".join(each for each in look(_TEMPLATE_REMARK.sub("", name)) if each.isalnum())


KNOWN: dict[str, tuple[Role, str, int]] = {
    name_key(name): (role, pack, place)
    for role, packs in reversed(_NAMES.items())
    for place, (pack, names) in enumerate(packs)
    for name in names.split()
}
"""Key of a name -> its role, who calls it so, and its place among the preferred."""
USER_KEYS = tuple(name_key(name) for _, names in _NAMES[Role.USER] for name in names.split())
STATUS_KEYS = tuple(name_key(name) for _, names in _NAMES[Role.STATUS] for name in names.split())

NEGATED_KEYS = frozenset(key for key, (_, pack, _) in KNOWN.items() if pack == NEGATED)
"""Names of a status whose yes denies."""

_SYSTEMS = (
    "mandt client application applicationname applabel app appname system systemname targetsystem "
    "endpoint endpointname securitysystem securitysystems instance"
)
SYSTEM_KEYS = frozenset(_SYSTEMS.split())
"""Columns that say of which system the access of a row is: a client of SAP, an endpoint, an application."""

_GRANTING = (
    "permitted,allowed,allow,granted,grant,certify,certified,active,activated,enabled,approved,true,yes,y,1,on,t,x,"
    "manually provisioned,aktiv,aktiviert,erlaubt,ja,j,wahr,actif,activé,autorisé,oui,vrai,"
    "activo,activa,habilitado,sí,si,verdadero,attivo,attiva,vero,ativo,ativa,sim,verdadeiro,actief,waar,tak,aktywny,prawda,да,はい,有効"
)
_DENYING = (
    "denied,deny,disallowed,revoke,remove,inactive,deactivated,disabled,deprovisioned,revoked,rejected,removed,suspended,"
    "manually suspended,suspended from import service,terminated,expired,deleted,blocked,false,no,n,0,off,f,"
    "inaktiv,deaktiviert,gesperrt,gelöscht,abgelehnt,nein,falsch,inactif,désactivé,refusé,suspendu,non,faux,"
    "inactivo,inactiva,deshabilitado,suspendido,falso,inattivo,inattiva,inativo,inativa,não,nao,"
    "inactief,geblokkeerd,nee,onwaar,nie,nieaktywny,fałsz,нет,いいえ,無効"
)
GRANTING, DENYING = frozenset(_GRANTING.split(",")), frozenset(_DENYING.split(","))
"""Case-folded words of ten languages, and those of Saviynt."""
