"""What the coffee chain sells, at what price, in which stores: data only, for whoever computes totals.

What menu and inventory begin with. Prices are the same in every store.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

MENU = """
currency = "USD"
season = "autumn"

[[item]]
id = "espresso"
name = "Espresso"
category = "coffee"
allergens = []
sizes = { single = 225, double = 275, triple = 325 }

[[item]]
id = "ristretto"
name = "Ristretto"
category = "coffee"
allergens = []
sizes = { single = 235, double = 285 }

[[item]]
id = "macchiato"
name = "Espresso Macchiato"
category = "coffee"
allergens = ["milk"]
sizes = { single = 265, double = 315 }

[[item]]
id = "americano"
name = "Caffè Americano"
category = "coffee"
allergens = []
sizes = { tall = 295, grande = 345, venti = 395 }

[[item]]
id = "brewed"
name = "Freshly Brewed Coffee"
category = "coffee"
allergens = []
sizes = { tall = 245, grande = 285, venti = 315 }

[[item]]
id = "pour-over"
name = "Single-Origin Pour-Over"
category = "coffee"
allergens = []
sizes = { tall = 375, grande = 425 }

[[item]]
id = "latte"
name = "Caffè Latte"
category = "coffee"
allergens = ["milk"]
sizes = { tall = 395, grande = 445, venti = 495 }

[[item]]
id = "vanilla-latte"
name = "Vanilla Latte"
category = "coffee"
allergens = ["milk"]
sizes = { tall = 445, grande = 495, venti = 545 }

[[item]]
id = "caramel-latte"
name = "Salted Caramel Latte"
category = "coffee"
allergens = ["milk"]
sizes = { tall = 455, grande = 505, venti = 555 }

[[item]]
id = "oat-latte"
name = "Oat Latte"
category = "coffee"
allergens = ["oats"]
sizes = { tall = 465, grande = 515, venti = 565 }

[[item]]
id = "pumpkin-spice-latte"
name = "Pumpkin Spice Latte"
category = "seasonal"
allergens = ["milk"]
sizes = { tall = 495, grande = 545, venti = 595 }

[[item]]
id = "maple-cortado"
name = "Maple Cortado"
category = "seasonal"
allergens = ["milk"]
sizes = { single = 425 }

[[item]]
id = "cappuccino"
name = "Cappuccino"
category = "coffee"
allergens = ["milk"]
sizes = { tall = 395, grande = 445, venti = 495 }

[[item]]
id = "flat-white"
name = "Flat White"
category = "coffee"
allergens = ["milk"]
sizes = { tall = 425, grande = 475 }

[[item]]
id = "cortado"
name = "Cortado"
category = "coffee"
allergens = ["milk"]
sizes = { single = 375 }

[[item]]
id = "mocha"
name = "Caffè Mocha"
category = "coffee"
allergens = ["milk", "soya"]
sizes = { tall = 445, grande = 495, venti = 545 }

[[item]]
id = "white-mocha"
name = "White Chocolate Mocha"
category = "coffee"
allergens = ["milk", "soya"]
sizes = { tall = 465, grande = 515, venti = 565 }

[[item]]
id = "cold-brew"
name = "Cold Brew"
category = "cold"
allergens = []
sizes = { tall = 375, grande = 425, venti = 475 }

[[item]]
id = "nitro-cold-brew"
name = "Nitro Cold Brew"
category = "cold"
allergens = []
sizes = { tall = 445, grande = 495 }

[[item]]
id = "iced-latte"
name = "Iced Latte"
category = "cold"
allergens = ["milk"]
sizes = { tall = 405, grande = 455, venti = 505 }

[[item]]
id = "iced-tea"
name = "Iced Black Tea"
category = "cold"
allergens = []
sizes = { tall = 295, grande = 335, venti = 375 }

[[item]]
id = "lemonade"
name = "Cloudy Lemonade"
category = "cold"
allergens = []
sizes = { tall = 325, grande = 365, venti = 405 }

[[item]]
id = "mango-smoothie"
name = "Mango Smoothie"
category = "cold"
allergens = ["milk"]
sizes = { grande = 525, venti = 575 }

[[item]]
id = "english-breakfast"
name = "English Breakfast Tea"
category = "tea"
allergens = []
sizes = { tall = 275, grande = 315, venti = 345 }

[[item]]
id = "earl-grey"
name = "Earl Grey"
category = "tea"
allergens = []
sizes = { tall = 275, grande = 315, venti = 345 }

[[item]]
id = "green-tea"
name = "Jade Green Tea"
category = "tea"
allergens = []
sizes = { tall = 285, grande = 325, venti = 355 }

[[item]]
id = "chai-latte"
name = "Chai Latte"
category = "tea"
allergens = ["milk"]
sizes = { tall = 435, grande = 485, venti = 535 }

[[item]]
id = "matcha-latte"
name = "Matcha Latte"
category = "tea"
allergens = ["milk"]
sizes = { tall = 455, grande = 505, venti = 555 }

[[item]]
id = "hot-chocolate"
name = "Hot Chocolate"
category = "chocolate"
allergens = ["milk"]
sizes = { tall = 395, grande = 445, venti = 495 }

[[item]]
id = "croissant"
name = "Butter Croissant"
category = "bakery"
allergens = ["wheat", "milk", "egg"]
sizes = { piece = 325 }

[[item]]
id = "almond-croissant"
name = "Almond Croissant"
category = "bakery"
allergens = ["wheat", "milk", "egg", "almond"]
sizes = { piece = 425 }

[[item]]
id = "blueberry-muffin"
name = "Blueberry Muffin"
category = "bakery"
allergens = ["wheat", "milk", "egg"]
sizes = { piece = 345 }

[[item]]
id = "cinnamon-roll"
name = "Cinnamon Roll"
category = "bakery"
allergens = ["wheat", "milk"]
sizes = { piece = 395 }

[[item]]
id = "banana-bread"
name = "Banana Bread"
category = "bakery"
allergens = ["wheat", "egg", "walnut"]
sizes = { slice = 365 }

[[item]]
id = "brownie"
name = "Chocolate Brownie"
category = "bakery"
allergens = ["wheat", "milk", "egg"]
sizes = { piece = 335 }

[[item]]
id = "oat-cookie"
name = "Oat Cookie"
category = "bakery"
allergens = ["wheat", "oats"]
sizes = { piece = 265, box = 1395 }

[[item]]
id = "bagel"
name = "Bagel with Cream Cheese"
category = "food"
allergens = ["wheat", "milk"]
sizes = { piece = 455 }

[[item]]
id = "egg-sandwich"
name = "Egg and Cheddar Sandwich"
category = "food"
allergens = ["wheat", "milk", "egg"]
sizes = { piece = 595 }

[[item]]
id = "turkey-panini"
name = "Turkey Panini"
category = "food"
allergens = ["wheat", "milk"]
sizes = { piece = 795 }

[[item]]
id = "coffee-traveler"
name = "Coffee Traveler for the Meeting Room"
category = "corporate"
allergens = []
sizes = { standard = 2195, large = 3495 }

[[item]]
id = "pastry-platter"
name = "Pastry Platter"
category = "corporate"
allergens = ["wheat", "milk", "egg"]
sizes = { standard = 3995, large = 6995 }
"""
"""The chain's menu as its head office publishes it (TOML; prices in cents per size)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing to order: a product in one size. `item_id` is `<product>-<size>`, the price in integer cents."""

    item_id: str
    name: str
    category: str
    price_cents: int


DOCUMENT: Final[Mapping[str, Any]] = tomllib.loads(MENU)
"""The menu as TOML reads it: its `season`, and a product an `item`."""
ITEMS: tuple[Item, ...] = tuple(
    Item(item_id=f"{p['id']}-{size}", name=f"{p['name']}, {size}", category=p["category"], price_cents=cents)
    for p in DOCUMENT["item"]
    for size, cents in p["sizes"].items()
)
"""Every size of every product is an item of its own."""
PRICES_CENTS: dict[str, int] = {item.item_id: item.price_cents for item in ITEMS}
STORES: tuple[str, ...] = tuple(f"store-{number:03d}" for number in range(1, 201))
