"""What detection may know about an endpoint beyond what the event itself says.

The rule it lives by: detection asks, and never holds: an asset's role is what it is at the time of the event.
"""

from typing import TYPE_CHECKING, Final

from sensor.contract import Endpoint

if TYPE_CHECKING:
    from sensor.inventory.inventory import Inventory

# Name people use; what it is for; Purdue level; IEC 62443 zone; who made it; which model.
ATTRIBUTES: Final = ("name", "role", "level", "zone", "vendor", "model")


class Context:
    """Nothing is known of anybody; who knows more overrides this."""

    def about(self, endpoint: Endpoint, attribute: str) -> str:  # noqa: ARG002  # an interface
        """Return one of ATTRIBUTES of an endpoint, "" when it is not known."""
        return ""


class InventoryContext(Context):
    """What the inventory knows."""

    def __init__(self, inventory: "Inventory") -> None:
        self.inventory = inventory

    def about(self, endpoint: Endpoint, attribute: str) -> str:
        """Return the role by conduct, the name people gave, or what the device says of itself."""
        asset = self.inventory.known(endpoint)
        if asset is None:
            return ""
        if attribute == "role":
            return self.inventory.role(endpoint).name
        if attribute == "name" and asset.name:
            return asset.name
        return asset.fact(attribute)
