"""What property_value reads: the home, its region's market, and of the calendar the season alone.

A model of months ahead takes no hour: the one at which it happens to be asked must not sway it. The market is that of
the home's region: `region_id` is the key of the view `market`, and no input of the model. What the market says of the
whole economy is left out: it is the same for all homes of a day, so that trees would take it for the date.
"""

from __future__ import annotations

from feast import FeatureService

from feature_repo.views import LOCATION, MARKET, PROPERTY, TEMPORAL

PROPERTY_VALUE_V1 = FeatureService(
    name="property_value_v1",
    features=[
        PROPERTY[
            [
                "bedrooms",
                "bathrooms",
                "living_area_sqft",
                "lot_area_sqft",
                "age_years",
                "condition_grade",
                "property_kind",
                "renovated_years_ago",
                "latitude",
                "longitude",
                "last_sale_price",
                "estimated_value",
                "price_per_sqft",
                "loan_balance",
                "loan_to_value",
                "equity_share",
                "value_change_1y",
                "value_to_region_median",
                "region_price_rank",
                "region_days_on_market",
                "region_inventory_months",
                "region_sale_to_list_ratio",
                "tenure_years",
                "refinance_last_years",
                "mortgage_age_years",
            ]
        ],
        TEMPORAL[
            [
                "month_of_year",
                "month_sin",
                "month_cos",
            ]
        ],
    ],
    description="What is this home worth, now and in the months ahead?",
    owner="data-science",
    tags={"domain": "homes"},
)

PROPERTY_VALUE_V2 = FeatureService(
    name="property_value_v2",
    features=[
        PROPERTY[
            [
                "bedrooms",
                "bathrooms",
                "living_area_sqft",
                "lot_area_sqft",
                "age_years",
                "condition_grade",
                "property_kind",
                "renovated_years_ago",
                "latitude",
                "longitude",
                "last_sale_price",
                "estimated_value",
                "price_per_sqft",
                "loan_balance",
                "loan_to_value",
                "equity_share",
                "value_change_1y",
                "value_to_region_median",
                "region_price_rank",
                "region_days_on_market",
                "region_inventory_months",
                "region_sale_to_list_ratio",
                "tenure_years",
                "refinance_last_years",
                "mortgage_age_years",
            ]
        ],
        LOCATION[["region_id"]],
        MARKET[
            [
                "median_sale_price",
                "median_price_change_1y",
                "sales_seasonal_index",
                "price_seasonal_index",
                "is_peak_season",
                "days_to_peak_season",
            ]
        ],
        TEMPORAL[
            [
                "month_of_year",
                "month_sin",
                "month_cos",
            ]
        ],
    ],
    description="What is this home worth, now and in the months ahead?",
    owner="data-science",
    tags={"domain": "homes"},
)
