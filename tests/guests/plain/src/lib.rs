//! Exports plain functions of many types, and some that no host can make tools of.

mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "calculator" });
}

use bindings::exports::docs::calculator::{ops, shapes};
use bindings::exports::inline;

struct Calculator;

bindings::export!(Calculator with_types_in bindings);

impl ops::Guest for Calculator {
    fn add(a: i32, b: i32) -> i32 {
        a.wrapping_add(b)
    }

    fn divide(dividend: f64, divisor: f64) -> Result<f64, String> {
        if divisor == 0.0 { Err("nothing can be divided by zero".to_owned()) } else { Ok(dividend / divisor) }
    }
}

impl shapes::Guest for Calculator {
    type Canvas = Canvas;

    fn add(one: shapes::Point, other: shapes::Point) -> shapes::Point {
        shapes::Point { x: one.x + other.x, y: one.y + other.y, label: one.label.or(other.label) }
    }

    fn area(shape: shapes::Shape) -> Result<f64, shapes::Shape> {
        match shape {
            shapes::Shape::Nothing => Ok(0.0),
            shapes::Shape::Circle(radius) => Ok(radius * radius * std::f64::consts::PI),
            polygon @ shapes::Shape::Polygon(_) => Err(polygon),
        }
    }

    fn same(all: shapes::Everything) -> shapes::Everything {
        all
    }

    fn new_canvas() -> shapes::Canvas {
        shapes::Canvas::new(Canvas)
    }

    fn deep(all: Vec<shapes::D10>) -> u32 {
        all.len() as u32
    }
}

struct Canvas;

impl shapes::GuestCanvas for Canvas {
    fn new() -> Canvas {
        Canvas
    }

    fn draw(&self, _: shapes::Shape) {}
}

impl inline::Guest for Calculator {
    fn shout(text: String) -> String {
        text.to_uppercase()
    }
}

impl bindings::Guest for Calculator {
    fn nothing() {}

    fn many(count: u32) -> Vec<u64> {
        vec![u64::MAX; count as usize]
    }

    fn letters(count: u32) -> String {
        "x".repeat(count as usize)
    }

    fn spin() {
        loop {
            std::hint::spin_loop();
        }
    }

    fn panic(why: String) -> String {
        panic!("{why}")
    }
}
