"""The plant that the captures show: real protocol stacks in network namespaces, and the tap that listens to them."""
