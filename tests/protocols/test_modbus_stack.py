"""Modbus as a real stack speaks it: pymodbus encodes, we read, field by field; and the other way about the CRC."""

import copy

import pytest
from modbus_kit import rtu, tcp

from sensor.contract import COMPLETED, STARTED
from sensor.protocols.modbus.dissector import ModbusDissector
from sensor.protocols.modbus.wire import crc, rtu_length

pymodbus = pytest.importorskip("pymodbus", reason="pymodbus is not installed")

from pymodbus.framer import FramerRTU, FramerSocket  # noqa: E402
from pymodbus.pdu import DecodePDU, ExceptionResponse  # noqa: E402
from pymodbus.pdu import bit_message as bits  # noqa: E402
from pymodbus.pdu import diag_message as diagnostics  # noqa: E402
from pymodbus.pdu import file_message as files  # noqa: E402
from pymodbus.pdu import mei_message as mei  # noqa: E402
from pymodbus.pdu import other_message as other  # noqa: E402
from pymodbus.pdu import register_message as registers  # noqa: E402

COILS = [True, False, True, True, False, False, True, True, True, False]
FLAGS = [int(coil) for coil in COILS]

SPOKEN = [
    (
        bits.ReadCoilsRequest(address=19, count=10),
        bits.ReadCoilsResponse(bits=COILS),
        {"address": 19, "quantity": 10, "values": FLAGS},
    ),
    (
        bits.ReadDiscreteInputsRequest(address=65526, count=10),
        bits.ReadDiscreteInputsResponse(bits=COILS),
        {"address": 65526, "reference": ["165527-165536"], "values": FLAGS},
    ),
    (
        registers.ReadHoldingRegistersRequest(address=100, count=3),
        registers.ReadHoldingRegistersResponse(registers=[1, 40000, 65535]),
        {"address": 100, "values": [1, 40000, 65535]},
    ),
    (
        registers.ReadInputRegistersRequest(address=0, count=125),
        registers.ReadInputRegistersResponse(registers=list(range(125))),
        {"quantity": 125, "byte_count": 250, "values": list(range(125))},
    ),
    (
        bits.WriteSingleCoilRequest(address=5, bits=[True]),
        bits.WriteSingleCoilResponse(address=5, bits=[True]),
        {"write_values": [1]},
    ),
    (
        registers.WriteSingleRegisterRequest(address=5, registers=[4711]),
        registers.WriteSingleRegisterResponse(address=5, registers=[4711]),
        {"write_values": [4711]},
    ),
    (
        bits.WriteMultipleCoilsRequest(address=7, bits=COILS),
        bits.WriteMultipleCoilsResponse(address=7, count=10),
        {"quantity": 10, "write_values": FLAGS},
    ),
    (
        registers.WriteMultipleRegistersRequest(address=7, registers=[1, 2, 3]),
        registers.WriteMultipleRegistersResponse(address=7, count=3),
        {"quantity": 3, "write_values": [1, 2, 3]},
    ),
    (
        registers.MaskWriteRegisterRequest(address=4, and_mask=0xF2, or_mask=0x25),
        registers.MaskWriteRegisterResponse(address=4, and_mask=0xF2, or_mask=0x25),
        {"and_mask": 0xF2, "or_mask": 0x25},
    ),
    (
        registers.ReadWriteMultipleRegistersRequest(
            read_address=3, read_count=2, write_address=14, write_registers=[255, 256]
        ),
        registers.ReadWriteMultipleRegistersResponse(registers=[10, 11]),
        {"read_address": 3, "read_quantity": 2, "write_address": 14, "write_values": [255, 256], "values": [10, 11]},
    ),
    (
        registers.WriteSingleRegisterRequest(address=5, registers=[4711]),
        ExceptionResponse(6, 4),
        {"exception_code": 4, "exception": "server_device_failure"},
    ),
    (
        files.ReadFifoQueueRequest(address=1246),
        files.ReadFifoQueueResponse(values=[440, 4740]),
        {"fifo_count": 2, "values": [440, 4740]},
    ),
    (
        files.ReadFileRecordRequest(records=[files.FileRecord(file_number=4, record_number=1, record_length=4)]),
        files.ReadFileRecordResponse(records=[files.FileRecord(record_data=b"\x0d\xfe\x00\x20")]),
        {"file_number": [4], "record_number": [1], "record_length": [2], "values": [0x0DFE, 0x20]},
    ),
    (
        files.WriteFileRecordRequest(
            records=[files.FileRecord(file_number=4, record_number=7, record_data=b"\x06\xaf\x04\xbe")]
        ),
        files.WriteFileRecordResponse(
            records=[files.FileRecord(file_number=4, record_number=7, record_data=b"\x06\xaf\x04\xbe")]
        ),
        {"record_number": [7], "write_values": [0x06AF, 0x04BE]},
    ),
    (
        diagnostics.ReturnQueryDataRequest(message=b"\xa5\x37"),
        diagnostics.ReturnQueryDataResponse(message=b"\xa5\x37"),
        {"subfunction": "return_query_data", "diagnostic_values": [0xA537]},
    ),
    (
        mei.ReadDeviceInformationRequest(read_code=1, object_id=0),
        mei.ReadDeviceInformationResponse(read_code=1, information={0: b"Acme", 1: b"X-1", 2: b"2.5"}),
        {"vendor": "Acme", "product_code": "X-1", "revision": "2.5", "more_follows": False},
    ),
    (
        other.ReportDeviceIdRequest(),
        other.ReportDeviceIdResponse(identifier=b"Pump station 7", status=True),
        {"server_text": "Pump station 7", "run_indicator": True},
    ),
    (other.ReadExceptionStatusRequest(), other.ReadExceptionStatusResponse(status=0x6D), {"exception_status": 0x6D}),
    (
        other.GetCommEventCounterRequest(),
        other.GetCommEventCounterResponse(count=264),
        {"event_count": 264},
    ),
]


@pytest.mark.parametrize("is_rtu", [False, True], ids=["tcp", "rtu"])
@pytest.mark.parametrize(("asks", "answers", "wanted"), SPOKEN, ids=[type(asks).__name__ for asks, *_ in SPOKEN])
def test_reads_what_pymodbus_says(asks, answers, wanted, is_rtu):
    framer = (FramerRTU if is_rtu else FramerSocket)(DecodePDU(False))
    said = []
    for pdu in copy.deepcopy((asks, answers)):  # its encoding counts objects up
        pdu.transaction_id, pdu.dev_id = 77, 3
        said.append(framer.buildFrame(pdu))
    request, response = said
    dissector = ModbusDissector(is_rtu)
    for direction, wire, verdict in ((0, request, STARTED), (1, response, COMPLETED)):
        assert dissector.frame(wire, 0, len(wire), direction) == len(wire)
        assert dissector.glance(wire, 0, len(wire), direction, 1) == verdict
    asked = dissector.dissect(request, 0, len(request), 0, b"")
    answered = dissector.dissect(response, 0, len(response), 1, request)
    assert (asked.anomalies, answered.anomalies) == ([], [])
    found = {**answered.fields(), **asked.fields()}
    assert found["modbus.unit_id"] == 3
    assert {name: found.get(f"modbus.{name}") for name in wanted} == wanted


def test_crc_of_the_specification_s_example():
    assert crc(b"\x02\x07", 0, 2) == 0x1241  # Serial Line V1.02, 6.2.2


@pytest.mark.parametrize("pdu", ["42CAFE", "080000" + "A537" * 20, "2B0D01020304"])
def test_frame_whose_function_tells_no_length_ends_where_the_crc_fits(pdu):
    frame = rtu(pdu)
    assert rtu_length(frame + b"\x01\x03", 0, len(frame) + 2) == len(frame)
    assert all(rtu_length(frame, 0, end) == 0 for end in range(len(frame)))
    assert rtu_length(frame[:-1] + b"\0" * 300, 0, 300) == -1


def test_one_flipped_bit_is_seen():
    frame = rtu("0300000001")
    dissector = ModbusDissector(is_rtu=True)
    for bit in range(8 * len(frame)):
        flipped = bytearray(frame)
        flipped[bit // 8] ^= 1 << bit % 8
        assert dissector.frame(bytes(flipped), 0, len(frame), 0) != len(frame)
    assert tcp("0300000001")[6:] + crc(frame, 0, 6).to_bytes(2, "little") == frame
