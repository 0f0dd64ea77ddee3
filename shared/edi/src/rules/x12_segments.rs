//! Which elements an X12 segment has. Sources: the element lists of the public grammars of bots-edi for 4010 and the
//! published segment pages that the facts of this project name. Segments of which the product reads nothing are open (`..`).

/// The elements of a segment in a version.
pub(super) fn elements(tag: &str, version: &str) -> Option<&'static str> {
    if version == "005010"
        && let Some(text) = newer(tag)
    {
        return Some(text);
    }
    common(tag).or_else(|| OPEN.split_ascii_whitespace().any(|open| open == tag).then_some(".."))
}

/// Whether a segment's id is one of X12, so that it is not in a set rather than unknown (AK304 6 rather than 1).
pub(super) fn exists(tag: &str) -> bool {
    common(tag).is_some() || OPEN.split_ascii_whitespace().chain(OTHERS.split_ascii_whitespace()).any(|id| id == tag)
}

/// Segments that are let through as they are.
const OPEN: &str = "ADV AT5 BIN BNX CB1 CD3 CLD CN1 CRC CS CSH CTB CTP CTX CUR DD DIS DTP EFI ETD FA1 FA2 FOB G08 G38 G66 G72
    GF INC IT3 IT8 ITD LDT MEA MTX NM1 NX2 PAL PAM PCT PKG PO3 PWK Q7 R2 R4 SAC SCH SDQ SI SLN SPI SPO TAX TC2 TD4 TSD TXI V1
    W08 W09 W10 W18 W20 W28 W6 YNQ";

/// Segments of other sets.
const OTHERS: &str = "AAA ACT ADX AMT AS1 AT1 AT2 AT8 B2 B2A B3 B4 BCH BCO BCT BEG BFR BGN BHT BIG BLR BPR BRA BSI BSS BTD BTP
    C3 CAS CLP CLM CM DMG DN EB ENT ERP G01 G02 G17 G23 G25 G31 G33 G39 G43 G50 G53 G54 G55 G73 G76 G82 G83 G84 G85 G93 HC HI
    INS INV ISS IT1 IV1 L0 L1 L3 L5 L7 LAD LUI M1 M7 MIA MOA N5 N7 N8 NM2 OI OID OTI PLB PYD QTY RAS RMR RTE S5 SBR SCL SVC SV1
    SV2 TDS TRN UM W01 W02 W04 W05 W07 W11 W12 W13 W14 W15 W17 W19 W25 W26 W45 XPO XQ ZA ZD ZT";

/// What 5010 changes: reference numbers and contact numbers are longer.
fn newer(tag: &str) -> Option<&'static str> {
    Some(match tag {
        "BGN" => "m353:ID2 m127:AN1-50 m373:DT8 337:TM4-8 623:ID2 127:AN1-50 640:ID2 306:ID1-2 786:ID1-2 | C0504",
        "BIA" => "m353:ID2 m755:ID2 m127:AN1-50 m373:DT8 337:TM4-8 306:ID1-2",
        "G61" => "m366:ID2 m93:AN1-60 365:ID2 364:AN1-256 443:AN1-20 | P0304",
        "L11" => "127:AN1-50 128:ID2-3 352:AN1-80 ANY ANY | R0103 P0102",
        "N9" => "m128:ID2-3 127:AN1-50 369:AN1-45 373:DT8 337:TM4-8 623:ID2 ANY | R0203 C0605",
        "PER" => {
            "m366:ID2 93:AN1-60 365:ID2 364:AN1-256 365:ID2 364:AN1-256 365:ID2 364:AN1-256 443:AN1-20 | P0304 P0506 P0708"
        }
        "REF" => "m128:ID2-3 127:AN1-50 352:AN1-80 ANY | R0203",
        _ => return None,
    })
}

/// W06-01 and W17-01 (element 514) take these codes in 4010; Z is of later releases.
fn common(tag: &str) -> Option<&'static str> {
    Some(match tag {
        "ACK" => {
            "m668:ID2 380:R1-15 355:ID2 374:ID3 373:DT8 326:AN1-45 235:ID2 234:AN1-48 235:ID2 234:AN1-48 .. | P0203 P0708 P0910"
        }
        "AK1" => "m479:ID2 m28:N1-9 480:AN1-12",
        "AK2" => "m143:ID3 m329:AN4-9 1705:AN1-35",
        "AK3" => "m721:ID2-3 m719:N1-10 447:AN1-6 720:ID1-3",
        "AK4" => "m(m722:N1-2/1528:N1-2/1686:N1-4) 725:N1-4 m723:ID1-3 724:AN1-99",
        "AK5" => "m717:ID1=A,E,M,R,W,X 718:ID1-3 718:ID1-3 718:ID1-3 718:ID1-3 718:ID1-3",
        "AK9" => "m715:ID1=A,E,M,P,R,W,X m97:N1-6 m123:N1-6 m2:N1-6 716:ID1-3 716:ID1-3 716:ID1-3 716:ID1-3 716:ID1-3",
        "AMT" => "m522:ID1-3 m782:R1-18 478:ID1",
        "AT7" => "1650:ID2 1651:ID2 1652:ID2 1651:ID2 373:DT8 337:TM4-8 623:ID2 | E0103 C0201 C0403 C0605 C0706",
        "AT8" => "187:ID1-2 188:ID1 81:R1-10 80:N1-7 80:N1-7 ..",
        "B10" => "127:AN1-30 145:AN1-30 m140:ID2-4 ..",
        "BAK" => "m353:ID2 m587:ID2 m324:AN1-22 m373:DT8 328:AN1-30 AN1-45 AN1-30 127:AN1-30 373:DT8 ..",
        "BEG" => "m353:ID2 m92:ID2 m324:AN1-22 328:AN1-30 m373:DT8 367:AN1-30 ..",
        "BGN" => "m353:ID2 m127:AN1-30 m373:DT8 337:TM4-8 623:ID2 127:AN1-30 640:ID2 306:ID1-2 786:ID1-2 | C0504",
        "BIA" => "m353:ID2 m755:ID2 m127:AN1-30 m373:DT8 337:TM4-8 306:ID1-2",
        "BLI" => "m235:ID2 m234:AN1-48 380:R1-15 355:ID2 ..",
        "BSN" => "m353:ID2 m396:AN2-30 m373:DT8 m337:TM4-8 1005:ID4 640:ID2 641:ID2-3",
        "CTT" => "m354:N1-6 347:R1-10 81:R1-10 355:ID2 183:R1-8 355:ID2 352:AN1-80 | P0304 P0506",
        "DTM" => "m374:ID3 373:DT8 337:TM4-8 623:ID2 1250:ID2-3 1251:AN1-35 | R020305 C0403 P0506",
        "G61" => "m366:ID2 m93:AN1-60 365:ID2 364:AN1-80 443:AN1-20 | P0304",
        "G62" => "432:ID2 373:DT8 176:ID1-2 337:TM4-8 623:ID2 | R0103 P0102 P0304",
        "G69" => "m369:AN1-45",
        "HL" => "m628:AN1-12 734:AN1-12 m735:ID1-2 736:ID1",
        "IK3" => "m721:ID2-3 m719:N1-10 447:AN1-6 620:ID1-3",
        "IK4" => "m(m722:N1-2/1528:N1-2/1686:N1-4) 725:N1-4 m621:ID1-3 724:AN1-99",
        "IK5" => "m717:ID1=A,E,M,R,W,X 618:ID1-3 618:ID1-3 618:ID1-3 618:ID1-3 618:ID1-3",
        "K1" => "m61:AN1-30 61:AN1-30",
        "L11" => "127:AN1-30 128:ID2-3 352:AN1-80 | R0103 P0102",
        "LE" | "LS" => "m447:AN1-6",
        "LIN" => {
            "350:AN1-20 m235:ID2 m234:AN1-48 235:ID2 234:AN1-48 235:ID2 234:AN1-48 235:ID2 234:AN1-48 235:ID2 234:AN1-48 \
             235:ID2 234:AN1-48 235:ID2 234:AN1-48 235:ID2 234:AN1-48 235:ID2 234:AN1-48 235:ID2 234:AN1-48 \
             235:ID2 234:AN1-48 235:ID2 234:AN1-48 235:ID2 234:AN1-48 235:ID2 234:AN1-48 235:ID2 234:AN1-48 \
             | P0405 P0607 P0809 P1011 P1213 P1415"
        }
        "LM" => "m559:ID2 822:AN1-15",
        "LQ" => "1270:ID1-3 1271:AN1-30",
        "LX" => "m554:N1-6",
        "MAN" => "m88:ID1-2 m87:AN1-48 87:AN1-48 88:ID1-2 87:AN1-48 87:AN1-48 | P0405 C0605",
        "MS1" => "19:AN2-30 156:ID2 26:ID2-3 ..",
        "MS2" => "140:ID2-4 207:AN1-10 40:ID2 761:N1",
        "MS3" => "m140:ID2-4 m133:ID1-2 19:AN2-30 91:ID1-2 156:ID2",
        "MSG" => "m933:AN1-264 ..",
        "N1" => "m98:ID2-3 93:AN1-60 66:ID1-2 67:AN2-80 706:ID2 98:ID2-3 | R0203 P0304",
        "N2" => "m93:AN1-60 93:AN1-60",
        "N3" => "m166:AN1-55 166:AN1-55",
        "N4" => "19:AN2-30 156:ID2 116:ID3-15 26:ID2-3 309:ID1-2 310:AN1-30 | C0605",
        "N9" => "m128:ID2-3 127:AN1-30 369:AN1-45 373:DT8 337:TM4-8 623:ID2 ANY | R0203 C0605",
        "NTE" => "363:ID3 m352:AN1-80",
        "PER" => {
            "m366:ID2 93:AN1-60 365:ID2 364:AN1-80 365:ID2 364:AN1-80 365:ID2 364:AN1-80 443:AN1-20 | P0304 P0506 P0708"
        }
        "PID" => "m349:ID1 750:ID2-3 559:ID2 751:AN1-12 352:AN1-80 .. | C0403 R0405",
        "PO1" => {
            "350:AN1-20 330:R1-15 355:ID2 212:R1-17 639:ID2 235:ID2 234:AN1-48 235:ID2 234:AN1-48 235:ID2 234:AN1-48 \
             235:ID2 234:AN1-48 235:ID2 234:AN1-48 235:ID2 234:AN1-48 235:ID2 234:AN1-48 235:ID2 234:AN1-48 \
             235:ID2 234:AN1-48 235:ID2 234:AN1-48 | C0302 C0504 P0607 P0809 P1011 P1213 P1415"
        }
        "PO4" => "356:N1-6 357:R1-8 355:ID2 103:AN3-5 ..",
        "PRF" => "m324:AN1-22 328:AN1-30 327:AN1-8 373:DT8 350:AN1-20 367:AN1-30 92:ID2",
        "QTY" => "m673:ID2 380:R1-15 (355:ID2/1018:R1-15/649:R1-10) 61:AN1-30 | R0204 E0204",
        "RDR" => "1292:ID2-3 1293:ID1-3 1294:ID1-3 352:AN1-80",
        "REF" => "m128:ID2-3 127:AN1-30 352:AN1-80 ANY | R0203",
        "SN1" => "350:AN1-20 m382:R1-10 m355:ID2 646:R1-9 330:R1-15 355:ID2 728:ID1 668:ID2 | P0506",
        "TD1" => {
            "103:AN3-5 80:N1-7 23:ID1 22:AN1-30 79:AN1-50 187:ID1-2 81:R1-10 355:ID2 183:R1-8 355:ID2 | C0102 C0304 C0607 P0708"
        }
        "TD3" => "40:ID2 206:AN1-4 207:AN1-10 ..",
        "TD5" => "133:ID1-2 66:ID1-2 67:AN2-80 91:ID1-2 387:AN1-35 368:ID2 309:ID1-2 310:AN1-30 .. | C0203",
        "UIT" => "m355:ID2 212:R1-17 639:ID2",
        "W01" => {
            "m330:R1-15 m355:ID2 438:AN12 235:ID2 234:AN1-48 235:ID2 234:AN1-48 AN1-5 AN1-30 AN1-30 AN1-30 AN1-30 451:AN1-12 \
             AN1-30 235:ID2 234:AN1-48 .. | P0405 P0607 P1516"
        }
        "W03" => "m382:R1-10 81:R1-10 355:ID2 183:R1-8 355:ID2 80:N1-7 355:ID2",
        "W04" => "m382:R1-10 m355:ID2 438:AN12 235:ID2 234:AN1-48 235:ID2 234:AN1-48 .. | P0405 P0607",
        "W05" => "m473:ID1 m285:AN1-22 324:AN1-22 474:N6 AN1-22 640:ID2 306:ID1-2 | P0405",
        "W06" => {
            "m514:ID1=A,B,C,F,J,K,N,O,P,R,S,X,Y,Z 285:AN1-22 373:DT8 145:AN1-30 AN1-12 324:AN1-22 AN1-22 474:N6 ID1-3 ID1-2 \
             640:ID2 306:ID1-2 | P0708"
        }
        "W07" => "m413:R1-7 m355:ID2 438:AN12 235:ID2 234:AN1-48 235:ID2 234:AN1-48 451:AN1-12 .. | P0405 P0607",
        "W12" => {
            "m368:ID2 330:R1-15 382:R1-10 R1-9 355:ID2 438:AN12 235:ID2 234:AN1-48 451:AN1-12 81:R1-10 187:ID1-2 188:ID1 \
             81:R1-10 187:ID1-2 188:ID1 438:AN12 235:ID2 234:AN1-48 ID2 AN1-30 235:ID2 234:AN1-48 \
             | R0607 P0708 P101112 P1718 P2122"
        }
        "W13" => "m380:R1-15 m355:ID2 m412:ID2 AN1-30 ID1-3 ..",
        "W14" => "m413:R1-7 382:R1-10 R1-9 R1-10 R1-10",
        "W15" => "m373:DT8 AN1-22 AN1-22 ..",
        "W17" => {
            "m514:ID1=A,B,C,F,J,K,N,O,P,R,S,X,Y,Z m373:DT8 mAN1-12 285:AN1-22 145:AN1-30 176:ID1-2 337:TM4-8 AN1-22 ..  | P0607"
        }
        "W19" => {
            "m181:ID2 mR1-10 m355:ID2 438:AN12 235:ID2 234:AN1-48 235:ID2 234:AN1-48 451:AN1-12 81:R1-10 187:ID1-2 188:ID1 \
             81:R1-10 187:ID1-2 188:ID1 ID1-2 235:ID2 234:AN1-48 .. | R0405 P0506 P0708 P1718"
        }
        "W27" => "m91:ID1-2 140:ID2-4 387:AN1-35 146:ID2 40:ID2 206:AN1-4 207:AN1-10 ..",
        "W66" => "m146:ID2 m91:ID1-2 AN1-5 AN1-30 387:AN1-35 AN1-5 AN1-5 AN1-5 AN1-80 140:ID2-4 ..",
        "W76" => "mR1-10 81:R1-10 355:ID2 183:R1-8 355:ID2 ..",
        _ => return None,
    })
}
