"""Names and their order are an interface, and this is where it is pinned."""

from __future__ import annotations

from collections import Counter

import pytest
from feast import FeatureService, FeatureView

from feature_repo.cadence import Cadence, cadence_of
from feature_repo.fields import contract_of, features_of
from feature_repo.services import SERVICES
from feature_repo.views import PROPERTY, SNAPSHOT_VIEWS, VIEWS, View

SPEC = {
    "behavioural": """
        doc_access_count_7d doc_access_count_30d doc_access_count_90d doc_unique_count_30d doc_dwell_minutes_30d
        doc_last_access_days doc_access_trend
        email_delivered_count_30d email_open_rate_30d email_click_rate_30d email_reply_count_90d email_last_open_days
        email_open_trend
        session_count_7d session_count_30d session_minutes_avg_30d active_days_30d session_last_days session_trend
        alert_sent_count_30d alert_open_rate_30d alert_response_hours_avg_30d alert_dismiss_rate_30d
        search_count_30d listing_view_count_30d saved_search_count_90d search_region_count_30d
    """,
    "transactional": """
        deal_count_total deal_buy_count_total deal_sell_count_total deal_value_sum_total deal_last_days
        deal_value_avg_total deal_gap_days_avg hold_years_avg deal_refinance_count_5y deal_value_trend
        agent_count_total agent_repeat_share agent_tenure_days
    """,
    "property": """
        bedrooms bathrooms living_area_sqft lot_area_sqft age_years condition_grade property_kind renovated_years_ago
        latitude longitude
        last_sale_price estimated_value price_per_sqft loan_balance loan_to_value equity_share value_change_1y
        value_to_region_median region_price_rank region_days_on_market region_inventory_months
        region_sale_to_list_ratio
        tenure_years refinance_last_years mortgage_age_years
    """,
    "location": "region_id",
    "market": """
        median_sale_price median_price_change_1y days_on_market inventory_months sale_to_list_ratio
        mortgage_rate_30y mortgage_rate_change_90d unemployment_rate
        sales_seasonal_index price_seasonal_index listings_seasonal_index is_peak_season days_to_peak_season
    """,
    "temporal": """
        hour_of_day day_of_week month_of_year is_weekend hour_sin hour_cos weekday_sin weekday_cos month_sin month_cos
    """,
}
by_name = pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)


@by_name
def test_features_bear_the_names_of_the_spec_in_its_order(view: View) -> None:
    assert [field.name for field in view.features] == SPEC[view.name].split()


def test_there_are_88_features_and_a_key_and_no_name_twice() -> None:
    names = Counter(field.name for view in VIEWS for field in view.features)
    assert [view.name for view in VIEWS] == list(SPEC)
    assert names.total() == len(names) == 88 + 1


@by_name
def test_every_feature_says_what_it_is_and_when_it_is_null(view: View) -> None:
    for field in features_of(view):
        assert ("null" in field.description) == (contract_of(field).null_share > 0), field.name


@by_name
def test_every_view_states_its_cadence_and_who_owns_it(view: View) -> None:
    assert cadence_of(view)
    assert view.description
    assert view.owner
    assert view.tags["group"]


@pytest.mark.parametrize(
    ("name", "key", "days", "cadence"),
    [
        ("behavioural", "customer_id", 7, Cadence("daily", 3)),
        ("transactional", "customer_id", 7, Cadence("daily", 3)),
        ("property", "property_id", 32, Cadence("monthly-and-on-change", 6)),
        ("location", "property_id", 32, Cadence("monthly-and-on-change", 3)),
        ("market", "region_id", 62, Cadence("monthly-and-on-change", 3)),
    ],
)
def test_snapshots_have_a_key_a_life_and_a_deadline(name: str, key: str, days: int, cadence: Cadence) -> None:
    view = next(view for view in SNAPSHOT_VIEWS if view.name == name)
    assert view.join_keys == [key]
    assert view.ttl.days == days
    assert cadence_of(view) == cadence
    assert (view.batch_source.timestamp_field, view.batch_source.created_timestamp_column) == (
        "event_timestamp",
        "created_timestamp",
    )


def test_contracts_and_cadence_survive_the_registry() -> None:
    stored = FeatureView.from_proto(PROPERTY.to_proto())
    assert [contract_of(field) for field in stored.features] == [contract_of(field) for field in PROPERTY.features]
    assert cadence_of(stored) == cadence_of(PROPERTY)


def test_a_view_without_a_cadence_is_told_apart() -> None:
    with pytest.raises(ValueError, match="'bare' states no cadence"):
        cadence_of(FeatureView(name="bare"))


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_a_service_asks_for_one_entity_and_for_what_that_leads_to(service: FeatureService) -> None:
    read = {projection.name for projection in service.feature_view_projections}
    features = {field.name for projection in service.feature_view_projections for field in projection.features}
    keys = {key for view in SNAPSHOT_VIEWS if view.name in read for key in view.join_keys}
    assert len(keys - features) == 1
