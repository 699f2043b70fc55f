"""Which functions a query may use: those sqlglot knows by type, less the ones here, and these few more."""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Typed by sqlglot, yet they reach files, the network, sequences, secrets, models or other statements.
REFUSED_THOUGH_KNOWN = _names("""
    ReadCSV ReadParquet NextValueFor ToFile Secret NetFunc DynamicIdentifier Predict FeaturesAtTime
    VectorSearch AIAgg AIClassify AIEmbed AIForecast AIGenerate AISimilarity AISummarizeAgg
    GenerateBool GenerateDouble GenerateInt GenerateTable GenerateText GenerateEmbedding MLForecast
    MLTranslate Generator Search SearchIp CurrentIpAddress CurrentSession CurrentTransaction
    CurrentStatement XMLTable OpenJSON
""")

TABLE_FUNCTIONS_BY_NAME = _names("""
    generate_series range unnest json_each json_tree json_array_elements json_array_elements_text
    jsonb_array_elements jsonb_array_elements_text jsonb_each jsonb_each_text json_each_text
    json_object_keys jsonb_object_keys regexp_split_to_table string_to_table generate_subscripts
""")

_TEXT = """
    btrim ltrim rtrim trim initcap instr locate position reverse lpad rpad left right repeat replace
    translate substr substring substring_index strpos char_length character_length octet_length
    ascii chr char format printf concat concat_ws quote soundex metaphone levenshtein hamming md5
    sha1 sha256 crc32 starts_with ends_with regexp_replace regexp_extract regexp_matches
    regexp_match regexp_like regexp_count regexp_substr regexp_instr regexp_full_match
    regexp_split_to_array split_part string_split str_split string_to_array array_to_string
    string_agg group_concat listagg to_hex unaccent strip_accents nfc_normalize normalize
"""
_NUMBERS = """
    abs sign round ceil ceiling floor trunc truncate mod div power pow exp ln log log2 log10 sqrt
    cbrt pi rand random width_bucket gcd lcm factorial isnan isinf isfinite is_nan greatest least
    even fmod bit_count degrees radians sin cos tan asin acos atan atan2 cot total
"""
_TIMES = """
    date time datetime timestamp age date_part datepart date_trunc date_diff datediff date_add
    dateadd date_sub datesub date_format day month year hour minute second quarter week weekday
    dayofweek dayofmonth dayofyear dayname monthname last_day make_date make_time make_timestamp
    make_interval to_date to_timestamp to_char to_number from_unixtime unix_timestamp epoch epoch_ms
    epoch_us strftime strptime try_strptime julianday unixepoch timediff now today current_date
    current_time current_timestamp localtime localtimestamp statement_timestamp
    transaction_timestamp clock_timestamp justify_days justify_hours justify_interval isodow isoyear
    yearweek weekofyear time_bucket
"""
_ANY = """
    coalesce ifnull isnull nvl nvl2 nullif iif if decode typeof try_cast num_nulls num_nonnulls
    row_to_json any_value first last arbitrary mode median bool_and bool_or every bit_and bit_or
    bit_xor count_if countif count sum avg min max stddev variance corr covar_pop covar_samp
    percentile_cont percentile_disc quantile quantile_cont quantile_disc approx_count_distinct
    approx_quantile arg_min arg_max min_by max_by row_number rank dense_rank percent_rank cume_dist
    ntile lag lead first_value last_value nth_value grouping fsum favg product histogram
"""
_NESTED = """
    json json_extract json_extract_string json_extract_path json_extract_path_text json_value
    json_query json_type json_typeof json_valid json_array json_array_length json_object
    json_object_agg json_agg json_build_object json_build_array json_group_array json_group_object
    json_contains json_exists json_keys json_structure json_unquote json_quote json_strip_nulls
    to_json jsonb jsonb_agg jsonb_build_object jsonb_build_array jsonb_array_length
    jsonb_extract_path jsonb_extract_path_text jsonb_object_agg jsonb_path_exists jsonb_typeof
    jsonb_strip_nulls to_jsonb array_agg array_append array_cat array_length array_position
    array_remove cardinality array_upper array_lower len length row struct_pack struct_extract map
    map_keys map_values element_at
"""
_LISTS = """
    list list_value list_contains list_has list_position list_indexof list_aggregate list_aggr
    list_filter list_transform list_reduce list_sort list_reverse_sort list_distinct list_unique
    list_concat list_cat list_append list_prepend list_extract list_element list_slice list_zip
    list_any_value list_sum list_avg list_min list_max list_count list_first list_last list_reverse
    array_contains array_has array_sort array_slice array_extract array_distinct flatten list_resize
    array_value list_has_any list_has_all list_intersect
"""
_DUCKDB = """
    contains prefix suffix damerau_levenshtein jaccard jaro_similarity jaro_winkler_similarity
    mismatches hash bar url_encode url_decode regexp_escape strlen string_to_array unicode ord lcase
    ucase millisecond microsecond century decade era timezone weekyear add subtract multiply divide
    isoweek list_cosine_similarity enum_range enum_first enum_last try_to_timestamp
    array_cosine_similarity
"""

ALLOWED_BY_NAME = {
    "all": _names(" ".join((_TEXT, _NUMBERS, _TIMES, _ANY, _NESTED))),
    "duckdb": _names(f"{_LISTS} {_DUCKDB}"),
    "sqlite": _names("glob likelihood likely unlikely unicode hex"),
    "postgres": _names(
        "similarity word_similarity quote_literal quote_ident quote_nullable encode decode host"
    )
    | _names("overlay masklen array_ndims convert_from convert_to to_ascii scale trim_scale"),
    "mysql": _names(
        "field elt find_in_set lcase ucase mid strcmp str_to_date makedate period_diff sec_to_time"
    ),
    "tsql": _names(
        "len charindex patindex stuff isnumeric isdate datename eomonth choose try_convert convert"
    ),
    "snowflake": _names("zeroifnull nullifzero div0 div0null get get_path array_construct object_construct"),
    "bigquery": _names(
        "safe_divide safe_cast ieee_divide format_date format_timestamp parse_date farm_fingerprint"
    ),
}
