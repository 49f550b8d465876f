"""The language of LiveSpeech: which field holds it, and in which form."""

from __future__ import annotations

from collections.abc import Mapping

LIKELY_LOCALES = """
    af_ZA am_ET ar_EG as_IN az_AZ ba_RU be_BY bg_BG bn_BD bo_CN br_FR bs_BA ca_ES cs_CZ cy_GB da_DK
    de_DE el_GR en_US es_ES et_EE eu_ES fa_IR fi_FI fo_FO fr_FR gl_ES gu_IN ha_NG haw_US he_IL hi_IN
    hr_HR ht_HT hu_HU hy_AM id_ID is_IS it_IT ja_JP jv_ID jw_ID ka_GE kk_KZ km_KH kn_IN ko_KR la_VA
    lb_LU ln_CD lo_LA lt_LT lv_LV mg_MG mi_NZ mk_MK ml_IN mn_MN mr_IN ms_MY mt_MT my_MM ne_NP nl_NL
    nn_NO no_NO oc_FR pa_IN pl_PL ps_AF pt_BR ro_RO ru_RU sa_IN sd_PK si_LK sk_SK sl_SI sn_ZW so_SO
    sq_AL sr_RS su_ID sv_SE sw_TZ ta_IN te_IN tg_TJ th_TH tk_TM tl_PH tr_TR tt_RU uk_UA ur_PK uz_UZ
    vi_VN yi_UA yo_NG yue_HK zh_CN
""".split()
"""The likely region of each language of Whisper, from the likely subtags of Unicode's CLDR 47."""

LIKELY_REGIONS = dict(name.split("_") for name in LIKELY_LOCALES)


def language_field(fields: Mapping[str, str]) -> str:
    """Return the name of the field of LiveSpeech that holds the language.

    Args:
        fields: the fields of the LiveSpeech that is installed: hri_msgs 2.1 renamed `language` to
            `locale`.
    """
    return "locale" if "locale" in fields else "language"


def language_value(language: str, field: str) -> str:
    """Return a language in the form that the field's definition asks for.

    `locale` is a language and a region, as in "en_GB". A language without a region gets the likely
    one; a language whose region is not known stays alone. `language` is an IETF tag, as in "en-GB"
    or "en".

    Args:
        language: code of the language, with or without a region, after "-" or "_"; "" = unknown.
        field: see `language_field`.

    >>> language_value("de", "locale"), language_value("en-gb", "locale")
    ('de_DE', 'en_GB')
    >>> language_value("de", "language"), language_value("en_GB", "language")
    ('de', 'en-GB')
    """
    code, _, region = language.replace("-", "_").partition("_")
    code, region = code.lower(), region.upper()
    if field == "language":
        return f"{code}-{region}" if region else code
    region = region or LIKELY_REGIONS.get(code, "")
    return f"{code}_{region}" if region else code
