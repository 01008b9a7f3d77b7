"""Modbus: Application Protocol V1.1b3 over TCP or UDP (Messaging on TCP/IP V1.0b), and serial RTU frames over TCP."""

from sensor.protocols.modbus.probe import ModbusRtu, ModbusTcp

PROTOCOLS = (ModbusTcp(), ModbusRtu())
