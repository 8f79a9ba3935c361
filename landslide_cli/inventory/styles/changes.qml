<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology|MapTips">
  <renderer-v2 type="categorizedSymbol" attr="change" symbollevels="0" forceraster="0" enableorderby="0">
    <categories>
      <category symbol="0" value="new" label="new" render="true"/>
      <category symbol="1" value="grown" label="grown" render="true"/>
      <category symbol="2" value="known" label="known" render="true"/>
      <category symbol="3" value="shrunk" label="shrunk" render="true"/>
      <category symbol="4" value="gone" label="gone" render="true"/>
      <category symbol="5" value="not analysed" label="not analysed: the other inventory never looked there" render="true"/>
    </categories>
    <symbols>
    <symbol name="0" type="fill" alpha="1" clip_to_extent="1" force_rhr="0">
      <layer class="SimpleFill" enabled="1" locked="0" pass="0">
        <prop k="color" v="255,36,60,34"/>
        <prop k="style" v="solid"/>
        <prop k="outline_style" v="no"/>
      </layer>
      <layer class="SimpleLine" enabled="1" locked="0" pass="0">
        <prop k="line_color" v="0,0,0,190"/>
        <prop k="line_width" v="0.96"/>
        <prop k="line_width_unit" v="MM"/>
        <prop k="joinstyle" v="round"/>
        <prop k="capstyle" v="flat"/>
      </layer>
      <layer class="SimpleLine" enabled="1" locked="0" pass="0">
        <prop k="line_color" v="255,36,60,255"/>
        <prop k="line_width" v="0.5"/>
        <prop k="line_width_unit" v="MM"/>
        <prop k="joinstyle" v="round"/>
        <prop k="capstyle" v="flat"/>
      </layer>
    </symbol>
    <symbol name="1" type="fill" alpha="1" clip_to_extent="1" force_rhr="0">
      <layer class="SimpleFill" enabled="1" locked="0" pass="0">
        <prop k="color" v="255,122,0,34"/>
        <prop k="style" v="solid"/>
        <prop k="outline_style" v="no"/>
      </layer>
      <layer class="SimpleLine" enabled="1" locked="0" pass="0">
        <prop k="line_color" v="0,0,0,190"/>
        <prop k="line_width" v="0.96"/>
        <prop k="line_width_unit" v="MM"/>
        <prop k="joinstyle" v="round"/>
        <prop k="capstyle" v="flat"/>
      </layer>
      <layer class="SimpleLine" enabled="1" locked="0" pass="0">
        <prop k="line_color" v="255,122,0,255"/>
        <prop k="line_width" v="0.5"/>
        <prop k="line_width_unit" v="MM"/>
        <prop k="joinstyle" v="round"/>
        <prop k="capstyle" v="flat"/>
      </layer>
    </symbol>
    <symbol name="2" type="fill" alpha="1" clip_to_extent="1" force_rhr="0">
      <layer class="SimpleFill" enabled="1" locked="0" pass="0">
        <prop k="color" v="255,246,0,34"/>
        <prop k="style" v="solid"/>
        <prop k="outline_style" v="no"/>
      </layer>
      <layer class="SimpleLine" enabled="1" locked="0" pass="0">
        <prop k="line_color" v="0,0,0,190"/>
        <prop k="line_width" v="0.96"/>
        <prop k="line_width_unit" v="MM"/>
        <prop k="joinstyle" v="round"/>
        <prop k="capstyle" v="flat"/>
      </layer>
      <layer class="SimpleLine" enabled="1" locked="0" pass="0">
        <prop k="line_color" v="255,246,0,255"/>
        <prop k="line_width" v="0.5"/>
        <prop k="line_width_unit" v="MM"/>
        <prop k="joinstyle" v="round"/>
        <prop k="capstyle" v="flat"/>
      </layer>
    </symbol>
    <symbol name="3" type="fill" alpha="1" clip_to_extent="1" force_rhr="0">
      <layer class="SimpleFill" enabled="1" locked="0" pass="0">
        <prop k="color" v="0,200,140,34"/>
        <prop k="style" v="solid"/>
        <prop k="outline_style" v="no"/>
      </layer>
      <layer class="SimpleLine" enabled="1" locked="0" pass="0">
        <prop k="line_color" v="0,0,0,190"/>
        <prop k="line_width" v="0.96"/>
        <prop k="line_width_unit" v="MM"/>
        <prop k="joinstyle" v="round"/>
        <prop k="capstyle" v="flat"/>
      </layer>
      <layer class="SimpleLine" enabled="1" locked="0" pass="0">
        <prop k="line_color" v="0,200,140,255"/>
        <prop k="line_width" v="0.5"/>
        <prop k="line_width_unit" v="MM"/>
        <prop k="joinstyle" v="round"/>
        <prop k="capstyle" v="flat"/>
      </layer>
    </symbol>
    <symbol name="4" type="fill" alpha="1" clip_to_extent="1" force_rhr="0">
      <layer class="SimpleFill" enabled="1" locked="0" pass="0">
        <prop k="color" v="40,140,255,34"/>
        <prop k="style" v="solid"/>
        <prop k="outline_style" v="no"/>
      </layer>
      <layer class="SimpleLine" enabled="1" locked="0" pass="0">
        <prop k="line_color" v="0,0,0,190"/>
        <prop k="line_width" v="0.96"/>
        <prop k="line_width_unit" v="MM"/>
        <prop k="joinstyle" v="round"/>
        <prop k="capstyle" v="flat"/>
      </layer>
      <layer class="SimpleLine" enabled="1" locked="0" pass="0">
        <prop k="line_color" v="40,140,255,255"/>
        <prop k="line_width" v="0.5"/>
        <prop k="line_width_unit" v="MM"/>
        <prop k="joinstyle" v="round"/>
        <prop k="capstyle" v="flat"/>
        <prop k="use_custom_dash" v="1"/>
        <prop k="customdash" v="2;1.5"/>
        <prop k="customdash_unit" v="MM"/>
      </layer>
    </symbol>
    <symbol name="5" type="fill" alpha="1" clip_to_extent="1" force_rhr="0">
      <layer class="SimpleFill" enabled="1" locked="0" pass="0">
        <prop k="color" v="200,200,200,34"/>
        <prop k="style" v="solid"/>
        <prop k="outline_style" v="no"/>
      </layer>
      <layer class="SimpleLine" enabled="1" locked="0" pass="0">
        <prop k="line_color" v="0,0,0,190"/>
        <prop k="line_width" v="0.96"/>
        <prop k="line_width_unit" v="MM"/>
        <prop k="joinstyle" v="round"/>
        <prop k="capstyle" v="flat"/>
      </layer>
      <layer class="SimpleLine" enabled="1" locked="0" pass="0">
        <prop k="line_color" v="200,200,200,255"/>
        <prop k="line_width" v="0.5"/>
        <prop k="line_width_unit" v="MM"/>
        <prop k="joinstyle" v="round"/>
        <prop k="capstyle" v="flat"/>
        <prop k="use_custom_dash" v="1"/>
        <prop k="customdash" v="2;1.5"/>
        <prop k="customdash_unit" v="MM"/>
      </layer>
    </symbol>
    </symbols>
  </renderer-v2>
  <mapTip>&lt;b>[% "change" %]&lt;/b>&lt;br>
old [% coalesce(format_number("area_old_m2", 0), '–') %] m², new [% coalesce(format_number("area_new_m2", 0), '–') %] m²&lt;br>
ids: old [% coalesce("ids_old", '–') %], new [% coalesce("ids_new", '–') %]</mapTip>
</qgis>
